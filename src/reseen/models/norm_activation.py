"""Batch norm in training mode and the activation behind it as one operation on a CPU, part of precision `auto`.

Statistics are those of groups of images, as in `norm.py`. Sums are rounded in another order than torch's, so outputs
and gradients differ in their last bits.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Bounds = tuple[float, float]
"""Lowest and highest output of an activation that clips and changes nothing in between."""


def bounds_of(activation: nn.Module) -> Bounds | None:
    """The bounds of an activation; None if it does more than clip.

    Example:
        >>> bounds_of(nn.ReLU6())
        (0.0, 6.0)
    """
    if isinstance(activation, nn.Identity):
        return -math.inf, math.inf
    if isinstance(activation, nn.Hardtanh):  # also torch's ReLU6
        return float(activation.min_val), float(activation.max_val)
    return (0.0, math.inf) if isinstance(activation, nn.ReLU) else None


MOST_THREADS = 2
"""With more threads torch's operations, which share them, are left to it: the loops here run on the calling thread. On
two cores a second thread of ours would wait for one of torch's, which spins after each of its operations."""


def can_fuse(images: Tensor, weight: Tensor | None, bias: Tensor | None) -> bool:
    """Whether `norm_and_activation` can compute these maps: float32, channels-last memory, and a CPU of few threads."""
    return (
        torch.get_num_threads() <= MOST_THREADS
        and images.ndim == 4
        and images.numel() > images.shape[1]  # of one cell there is no variance, and torch says so
        and images.device.type == "cpu"
        and images.dtype == torch.float32
        and images.is_contiguous(memory_format=torch.channels_last)
        and weight is not None
        and bias is not None
        and weight.dtype == bias.dtype == torch.float32
        and not torch.compiler.is_compiling()
    )


def norm_and_activation(
    images: Float[Tensor, "b c y x"],
    weight: Float[Tensor, " c"],
    bias: Float[Tensor, " c"],
    statistics: tuple[Float[Tensor, "g c"], Float[Tensor, "g c"]],
    sizes: Sequence[int],
    epsilon: float,
    bounds: Bounds,
) -> Float[Tensor, "b c y x"]:
    """Normalize consecutive groups of `sizes` images by their own statistics, scale, shift, and clip to `bounds`.

    `statistics` are overwritten by each group's mean and unbiased variance, one row per group. Call it only if
    `can_fuse`.

    Example:
        >>> means, variances = torch.empty(2, 8), torch.empty(2, 8)
        >>> norm_and_activation(maps, norm.weight, norm.bias, (means, variances), [64, 64], norm.eps, (0.0, 6.0))
    """
    return _NormActivation.apply(images, weight, bias, statistics, tuple(sizes), epsilon, bounds)  # type: ignore[no-any-return]


class _NormActivation(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        weight: Tensor,
        bias: Tensor,
        statistics: tuple[Tensor, Tensor],
        sizes: tuple[int, ...],
        epsilon: float,
        bounds: Bounds,
    ) -> Tensor:
        from reseen.models.norm_kernels import normalize  # Numba takes a second to load

        output, inverses = torch.empty_like(images), torch.empty_like(statistics[0])
        edges = np.cumsum((0, *sizes)) * (images.shape[2] * images.shape[3])
        limits = (np.float32(bounds[0]), np.float32(bounds[1]))
        rows = [values.detach().numpy() for values in (*statistics, inverses)]
        affine = (weight.detach().numpy(), bias.detach().numpy())
        normalize(_rows(images), edges, affine, (epsilon, *limits), tuple(rows), _rows(output))
        ctx.save_for_backward(images, weight, bias, statistics[0].clone(), inverses)
        ctx.edges, ctx.limits = edges, limits
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> Any:  # type: ignore[override]
        from reseen.models.norm_kernels import normalize_backward

        images, weight, bias, means, inverses = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        of_images, of_weight, of_bias = (torch.empty_like(tensor) for tensor in (images, weight, bias))
        normalize_backward(
            _rows(images),
            _rows(gradient),
            ctx.edges,
            (weight.detach().numpy(), bias.detach().numpy()),
            ctx.limits,
            (means.numpy(), inverses.numpy()),
            _rows(of_images),
            (of_weight.numpy(), of_bias.numpy()),
        )
        return of_images, of_weight, of_bias, None, None, None, None


def _rows(maps: Float[Tensor, "b c y x"]) -> np.ndarray:
    """Maps in channels-last memory as a matrix of cells x channels, not copied."""
    return maps.detach().permute(0, 2, 3, 1).view(-1, maps.shape[1]).numpy()
