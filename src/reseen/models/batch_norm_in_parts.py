"""Batch norm in training mode over groups of images on a CPU, without copies and with the bits of torch.

The groups are normalized one by one, each into its part of one output. Concatenating would copy every map once more in
the forward pass and splitting its gradient once more in the backward pass; on a CPU these copies were an eighth of a
training step.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

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
