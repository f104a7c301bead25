"""Batch norm whose statistics come from groups of a fixed size, whatever the batch and the number of devices.

The field's first complaint is that one GPU gives 59.1 mAP where four give 82.6 from the same command, because
each device normalizes its own shard of the batch. Here the group is a setting: consecutive `group` images shard
statistics, however the batch is cut. Running statistics move once per step, by the mean over the groups, so they
too are independent of the split. Where processes shard a batch, `shared_norm.py` cuts it into the same groups.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from reseen.errors import SettingsError
from reseen.models.batch_shard import BatchShard
from reseen.models.sync_batch_norm import sync_batch_norm


def group_sizes(batch: int, group: int | None) -> list[int]:
    """Cut a batch into runs of `group` images; None takes the whole batch as one group.

    A rest of one image joins the group before it, since one vector has no variance; a larger rest stands alone.
    """
    if group is None or group >= batch:
        return [batch]
    sizes = [group] * (batch // group)
    rest = batch % group
    if rest == 1:
        sizes[-1] += 1
    elif rest:
        sizes.append(rest)
    return sizes


def group_batch_norm(
    images: Float[Tensor, "b c *spatial"],
    running: tuple[Tensor, Tensor] | None,
    affine: tuple[Tensor | None, Tensor | None],
    sizes: Sequence[int],
    momentum: float,
    epsilon: float,
) -> Float[Tensor, "b c *spatial"]:
    """Batch norm in training mode over consecutive runs of `sizes` images.

    `running` (mean, variance) is moved in place by `momentum` towards the mean over groups of the groups' means
    and unbiased variances. With one group this is exactly `torch.nn.functional.batch_norm`.
    """
    weight, bias = affine
    if len(sizes) == 1:
        mean, variance = running if running is not None else (None, None)
        return F.batch_norm(images, mean, variance, weight, bias, True, momentum, epsilon)
    channels = images.shape[1]
    like = weight if weight is not None else images
    means = torch.zeros(len(sizes), channels, dtype=like.dtype, device=images.device)
    variances = torch.ones_like(means)
    normalized = [
        # Momentum 1 makes the scratch rows receive this group's own statistics.
        F.batch_norm(part, means[index], variances[index], weight, bias, True, 1.0, epsilon)
        for index, part in enumerate(images.split(list(sizes)))
    ]
    if running is not None:
        with torch.no_grad():
            running[0].lerp_(means.mean(dim=0).to(running[0].dtype), momentum)
            running[1].lerp_(variances.mean(dim=0).to(running[1].dtype), momentum)
    return torch.cat(normalized)


def _normalize(module: _BatchNorm, images: Tensor, group: int | None, shard: BatchShard | None) -> Tensor:
    """The forward pass of a batch-norm module with group-fixed statistics."""
    if not module.training and module.running_mean is not None:
        return F.batch_norm(
            images,
            module.running_mean,
            module.running_var,
            module.weight,
            module.bias,
            False,
            0.0,
            module.eps,
        )
    running = None
    if module.running_mean is not None and module.running_var is not None:
        running = (module.running_mean, module.running_var)
    if module.num_batches_tracked is not None:
        module.num_batches_tracked.add_(1)
    momentum = 0.1 if module.momentum is None else module.momentum
    affine = (module.weight, module.bias)
    if shard is not None and shard.split is not None:
        sizes = group_sizes(shard.split.total, group)
        return sync_batch_norm(images, running, affine, sizes, momentum, module.eps, shard)
    sizes = group_sizes(images.shape[0], group)
    return group_batch_norm(images, running, affine, sizes, momentum, module.eps)


class GroupBatchNorm2d(nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d` with group-fixed statistics."""

    group: int | None = None
    shard: BatchShard | None = None

    def forward(self, input: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """Normalize, in training by the statistics of each group."""
        return _normalize(self, input, self.group, self.shard)


class GroupBatchNorm1d(nn.BatchNorm1d):
    """`torch.nn.BatchNorm1d` with group-fixed statistics."""

    group: int | None = None
    shard: BatchShard | None = None

    def forward(self, input: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Normalize, in training by the statistics of each group."""
        return _normalize(self, input, self.group, self.shard)


class GroupBatchNormAct2d(BatchNormAct2d):
    """timm's batch norm with activation, with group-fixed statistics."""

    group: int | None = None
    shard: BatchShard | None = None

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """Normalize by groups, then drop and activate as timm does."""
        return self.act(self.drop(_normalize(self, x, self.group, self.shard)))


_GROUPED: dict[type[nn.Module], type[nn.Module]] = {
    nn.BatchNorm2d: GroupBatchNorm2d,
    nn.BatchNorm1d: GroupBatchNorm1d,
    BatchNormAct2d: GroupBatchNormAct2d,
}


def fix_norm_groups(model: nn.Module, group: int | None) -> int:
    """Give every batch norm of `model` group-fixed statistics, in place; weights and names stay.

    Returns the number of batch norms; 0 for models that use layer norm, which need no groups.

    Raises:
        SettingsError: a group of fewer than 2 images.
    """
    if group is not None and group < 2:
        raise SettingsError(f"model.norm_group: a group needs at least 2 images, found {group}")
    count = 0
    for module in model.modules():
        grouped = _GROUPED.get(type(module), type(module) if type(module) in _GROUPED.values() else None)
        if grouped is not None:
            # Same fields, another forward: changing the class keeps parameters, buffers, hooks and names.
            module.__class__ = grouped
            module.group = group  # type: ignore[assignment]
            count += 1
    return count
