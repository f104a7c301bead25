"""Batch norm with statistics over groups of a fixed size, independent of the batch size and the number of devices.

A well-known problem of the field is that the same command gives 59.1 mAP on one GPU and 82.6 on four, because each
device normalizes its own part of the batch. Here the group size is a setting: `group` consecutive images share
statistics, however the batch is split. Running statistics are updated once per step with the mean over the groups, so
they do not depend on the split either. In data-parallel training, `sync_batch_norm.py` forms the same groups.

The bits are those of `torch.nn.functional.batch_norm` on each group, concatenated, unless activations are fused
(`norm_activation.py`).
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from reseen.errors import SettingsError
from reseen.models.batch_norm_in_parts import applies_in_parts, batch_norm_in_parts
from reseen.models.batch_shard import BatchShard
from reseen.models.norm_activation import Bounds, bounds_of, can_fuse, norm_and_activation
from reseen.models.replace_modules import replace_modules, share_tensors
from reseen.models.sync_batch_norm import sync_batch_norm


def group_sizes(batch: int, group: int | None) -> list[int]:
    """Sizes of the groups that a batch is split into; with None, the whole batch is one group.

    A remainder of one image is added to the last group, since a single vector has no variance; a larger remainder is a
    group of its own.
    """
    if group is None or group >= batch:
        return [batch]
    sizes = [group] * (batch // group)
    remainder = batch % group
    if remainder == 1:
        sizes[-1] += 1
    elif remainder:
        sizes.append(remainder)
    return sizes


def group_batch_norm(
    images: Float[Tensor, "b c *spatial"],
    running: tuple[Tensor, Tensor] | None,
    affine: tuple[Tensor | None, Tensor | None],
    sizes: Sequence[int],
    momentum: float,
    epsilon: float,
    bounds: Bounds | None = None,
) -> Float[Tensor, "b c *spatial"]:
    """Batch norm in training mode over consecutive groups of `sizes` images.

    `running` (mean, variance) is updated in place with `momentum` and the means over groups of the groups' means and
    unbiased variances. With one group this is exactly `torch.nn.functional.batch_norm`. With `bounds` the output is
    clipped to them and computed by `norm_and_activation`, which must be able to.
    """
    weight, bias = affine
    if len(sizes) == 1 and bounds is None:
        mean, variance = running if running is not None else (None, None)
        return F.batch_norm(images, mean, variance, weight, bias, True, momentum, epsilon)
    channels = images.shape[1]
    like = weight if weight is not None else images
    means = torch.zeros(len(sizes), channels, dtype=like.dtype, device=images.device)
    variances = torch.ones_like(means)
    if weight is not None and bias is not None and bounds is not None:
        normalized = norm_and_activation(images, weight, bias, (means, variances), sizes, epsilon, bounds)
    elif weight is not None and bias is not None and applies_in_parts(images, weight, bias):
        normalized = batch_norm_in_parts(images, weight, bias, (means, variances), sizes, epsilon)
    else:
        normalized = torch.cat(
            [
                # Momentum 1 writes this group's own statistics into the scratch rows.
                F.batch_norm(part, means[index], variances[index], weight, bias, True, 1.0, epsilon)
                for index, part in enumerate(images.split(list(sizes)))
            ]
        )
    if running is not None:
        with torch.no_grad():
            running[0].lerp_(means.mean(dim=0).to(running[0].dtype), momentum)
            running[1].lerp_(variances.mean(dim=0).to(running[1].dtype), momentum)
    return normalized


def _normalize(
    module: _BatchNorm,
    images: Tensor,
    group: int | None,
    shard: BatchShard | None,
    bounds: Bounds | None = None,
) -> Tensor:
    """The forward pass of a batch-norm module with grouped statistics; in training mode clipped to `bounds`."""
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
    return group_batch_norm(images, running, affine, sizes, momentum, module.eps, bounds)


class GroupBatchNorm2d(nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d` with grouped statistics; takes over the parameters and buffers of `norm`."""

    def __init__(self, norm: nn.BatchNorm2d, group: int | None, shard: BatchShard | None = None) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        share_tensors(self, norm)
        self.group, self.shard = group, shard
        self.fused = False

    def forward(self, input: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """Normalize; in training mode with the statistics of each group."""
        bounds = (-math.inf, math.inf) if _is_fused(self, input) else None
        return _normalize(self, input, self.group, self.shard, bounds)


class GroupBatchNorm1d(nn.BatchNorm1d):
    """`torch.nn.BatchNorm1d` with grouped statistics; takes over the parameters and buffers of `norm`."""

    def __init__(self, norm: nn.BatchNorm1d, group: int | None, shard: BatchShard | None = None) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        share_tensors(self, norm)
        self.group, self.shard = group, shard

    def forward(self, input: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Normalize; in training mode with the statistics of each group."""
        return _normalize(self, input, self.group, self.shard)


class GroupBatchNormAct2d(BatchNormAct2d):
    """timm's batch norm with activation, with grouped statistics; takes over what `norm` holds."""

    def __init__(self, norm: BatchNormAct2d, group: int | None, shard: BatchShard | None = None) -> None:
        super().__init__(
            norm.num_features, norm.eps, affine=norm.affine, track_running_stats=norm.track_running_stats
        )
        share_tensors(self, norm)
        self.momentum, self.drop, self.act = norm.momentum, norm.drop, norm.act
        self.group, self.shard = group, shard
        self.fused = False

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """Normalize by groups, then apply timm's drop layer and activation."""
        bounds = bounds_of(self.act) if isinstance(self.drop, nn.Identity) and _is_fused(self, x) else None
        normalized = _normalize(self, x, self.group, self.shard, bounds)
        if bounds is not None:
            return normalized
        if isinstance(self.act, nn.Hardtanh) and torch.is_grad_enabled():
            # in place autograd keeps a copy, which takes as long as the activation
            return F.hardtanh(self.drop(normalized), self.act.min_val, self.act.max_val)
        return self.act(self.drop(normalized))


def _is_fused(module: "GroupBatchNorm2d | GroupBatchNormAct2d", images: Tensor) -> bool:
    """Whether this pass normalizes and activates in one operation."""
    is_split = module.shard is not None and module.shard.split is not None
    return module.fused and module.training and not is_split and can_fuse(images, module.weight, module.bias)


GROUPED = (GroupBatchNorm1d, GroupBatchNorm2d, GroupBatchNormAct2d)
"""Batch norms with grouped statistics."""

_GROUPED: dict[type[nn.Module], Callable[..., nn.Module]] = {
    nn.BatchNorm2d: GroupBatchNorm2d,
    nn.BatchNorm1d: GroupBatchNorm1d,
    BatchNormAct2d: GroupBatchNormAct2d,
}


def use_group_norms(
    network: nn.Module, group: int | None, shard: BatchShard | None = None, fused: bool = False
) -> int:
    """Give every batch norm below `network` grouped statistics, in place; parameters, buffers and names stay.

    With `shard`, statistics are those of the whole batch, of which this process normalizes its shard. With `fused`,
    batch norms of maps compute their activation with them in training mode, where `can_fuse` the maps.

    Returns the number of batch norms; 0 for models with layer norm, which do not need groups.

    Raises:
        SettingsError: `group` is below 2.
    """
    if group is not None and group < 2:
        raise SettingsError(f"model.norm_group: a group needs at least 2 images, got {group}")

    def make(_: str, module: nn.Module) -> nn.Module | None:
        grouped = _GROUPED.get(type(module))
        if grouped is None:
            return None
        made = grouped(module, group, shard)
        if isinstance(made, GroupBatchNorm2d | GroupBatchNormAct2d):
            made.fused = fused
        return made

    return replace_modules(network, make)
