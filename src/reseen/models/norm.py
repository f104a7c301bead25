"""Batch norm with statistics over groups of a fixed size, independent of the batch size and the number of devices.

A well-known problem of the field is that the same command gives 59.1 mAP on one GPU and 82.6 on four, because each
device normalizes its own part of the batch. Here the group size is a setting: `group` consecutive images share
statistics, however the batch is split. Running statistics are updated once per step with the mean over the groups, so
they do not depend on the split either. In data-parallel training, `sync_batch_norm.py` forms the same groups.

The groups are normalized one by one, each into its part of one output. Concatenating would copy every map once more in
the forward pass and splitting its gradient once more in the backward pass; on a CPU these copies were an eighth of a
training step. The bits are those of `torch.nn.functional.batch_norm` on each group, concatenated.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from reseen.errors import SettingsError
from reseen.models.batch_shard import BatchShard
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
) -> Float[Tensor, "b c *spatial"]:
    """Batch norm in training mode over consecutive groups of `sizes` images.

    `running` (mean, variance) is updated in place with `momentum` and the means over groups of the groups' means and
    unbiased variances. With one group this is exactly `torch.nn.functional.batch_norm`.
    """
    weight, bias = affine
    if len(sizes) == 1:
        mean, variance = running if running is not None else (None, None)
        return F.batch_norm(images, mean, variance, weight, bias, True, momentum, epsilon)
    channels = images.shape[1]
    like = weight if weight is not None else images
    means = torch.zeros(len(sizes), channels, dtype=like.dtype, device=images.device)
    variances = torch.ones_like(means)
    if weight is not None and bias is not None and applies_in_parts(images, weight, bias):
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


def _normalize(module: _BatchNorm, images: Tensor, group: int | None, shard: BatchShard | None) -> Tensor:
    """The forward pass of a batch-norm module with grouped statistics."""
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
    """`torch.nn.BatchNorm2d` with grouped statistics; takes over the parameters and buffers of `norm`."""

    def __init__(self, norm: nn.BatchNorm2d, group: int | None, shard: BatchShard | None = None) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        share_tensors(self, norm)
        self.group, self.shard = group, shard

    def forward(self, input: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """Normalize; in training mode with the statistics of each group."""
        return _normalize(self, input, self.group, self.shard)


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

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """Normalize by groups, then apply timm's drop layer and activation."""
        return self.act(self.drop(_normalize(self, x, self.group, self.shard)))


GROUPED = (GroupBatchNorm1d, GroupBatchNorm2d, GroupBatchNormAct2d)
"""Batch norms with grouped statistics."""

_GROUPED: dict[type[nn.Module], Callable[..., nn.Module]] = {
    nn.BatchNorm2d: GroupBatchNorm2d,
    nn.BatchNorm1d: GroupBatchNorm1d,
    BatchNormAct2d: GroupBatchNormAct2d,
}


def use_group_norms(network: nn.Module, group: int | None, shard: BatchShard | None = None) -> int:
    """Give every batch norm below `network` grouped statistics, in place; parameters, buffers and names stay.

    With `shard`, statistics are those of the whole batch, of which this process normalizes its shard.

    Returns the number of batch norms; 0 for models with layer norm, which do not need groups.

    Raises:
        SettingsError: `group` is below 2.
    """
    if group is not None and group < 2:
        raise SettingsError(f"model.norm_group: a group needs at least 2 images, got {group}")

    def make(_: str, module: nn.Module) -> nn.Module | None:
        grouped = _GROUPED.get(type(module))
        return None if grouped is None else grouped(module, group, shard)

    return replace_modules(network, make)


_NORMALIZE: Any = torch.ops.aten.native_batch_norm.out
_GRADIENTS: Any = torch.ops.aten.native_batch_norm_backward.out


def applies_in_parts(images: Tensor, weight: Tensor | None, bias: Tensor | None) -> bool:
    """Whether `batch_norm_in_parts` gives the bits of `torch.nn.functional.batch_norm`: on a CPU, with weight and bias.

    Not of images with gaps between them, such as one token of each, which the operators with a given output misread;
    and not within `torch.compile`, whose own fusion saves the copies.
    """
    if (
        _layout(images) is None
        or images.device.type != "cpu"
        or weight is None
        or bias is None
        or torch.compiler.is_compiling()
    ):
        return False
    return weight.dtype in (torch.float32, torch.float64) and weight.dtype == bias.dtype


def batch_norm_in_parts(
    images: Float[Tensor, "b c *spatial"],
    weight: Float[Tensor, " c"],
    bias: Float[Tensor, " c"],
    statistics: tuple[Float[Tensor, "g c"], Float[Tensor, "g c"]],
    sizes: Sequence[int],
    epsilon: float,
) -> Float[Tensor, "b c *spatial"]:
    """Normalize consecutive groups of `sizes` images by their own statistics, in training mode.

    `statistics` are overwritten by each group's mean and unbiased variance, one row per group. The output has the
    memory format of `images`, and is equal to the bit to the concatenated outputs of
    `torch.nn.functional.batch_norm(part, mean, variance, weight, bias, True, 1.0, epsilon)`.
    """
    return _InParts.apply(images, weight, bias, statistics, tuple(sizes), epsilon)  # type: ignore[no-any-return]


def _layout(images: Tensor) -> torch.memory_format | None:
    """The memory format of images without gaps; None where there are gaps."""
    if images.is_contiguous():
        return torch.contiguous_format
    is_last = images.ndim == 4 and images.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if is_last else None


class _InParts(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        weight: Tensor,
        bias: Tensor,
        statistics: tuple[Tensor, Tensor],
        sizes: tuple[int, ...],
        epsilon: float,
    ) -> Tensor:
        output = torch.empty_like(images)
        saved = [torch.empty_like(values) for values in statistics]
        for row, (part, target) in enumerate(
            zip(images.split(list(sizes)), output.split(list(sizes)), strict=True)
        ):
            # momentum 1 writes this group's own statistics into its row
            _NORMALIZE(
                part, weight, bias, statistics[0][row], statistics[1][row], True, 1.0, epsilon,
                out=target, save_mean=saved[0][row], save_invstd=saved[1][row],
            )  # fmt: skip
        ctx.save_for_backward(images, weight, *saved)
        ctx.sizes, ctx.epsilon = list(sizes), epsilon
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        images, weight, means, deviations = ctx.saved_tensors
        gradient = torch.empty_like(images)
        of_weight, of_bias = torch.zeros_like(weight), torch.zeros_like(weight)
        layout = _layout(images)
        assert layout is not None  # `applies_in_parts`
        whole = gradients[0]
        if _layout(whole) is None:  # such as one number, repeated
            whole = whole.contiguous(memory_format=layout)
        parts = zip(*(tensor.split(ctx.sizes) for tensor in (whole, images, gradient)), strict=True)
        for row, (above, part, target) in reversed(list(enumerate(parts))):  # in the order of autograd
            own_weight, own_bias = torch.empty_like(weight), torch.empty_like(weight)
            _GRADIENTS(
                above, part, weight, None, None, means[row], deviations[row], True, ctx.epsilon,
                [True, True, True], out0=target, out1=own_weight, out2=own_bias,
            )  # fmt: skip
            of_weight += own_weight
            of_bias += own_bias
        return gradient, of_weight, of_bias, None, None, None
