"""Probes a trunk with one image: its output, and the rows and columns of the image that do not affect it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class TrunkProbe:
    """A trunk's output for one random image."""

    output: Tensor
    unseen: tuple[int, int]
    """Rows and columns at the edges of the image that do not affect the output."""


def probe_trunk(trunk: nn.Module, height: int, width: int) -> TrunkProbe:
    """Run a random image forward and backward through a trunk in evaluation mode; its mode and weights are restored.

    Rows and columns without a gradient are those left over by patches, windows or strides without padding. If the trunk
    is not differentiable, none are reported.

    Raises:
        Exception: whatever the trunk raises for an image of this size.
        TypeError: the output is not a tensor.
    """
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, height, width, generator=generator)
    training = trunk.training
    trunk.eval()
    try:
        with torch.no_grad():
            output = trunk(image)
        if not isinstance(output, Tensor):
            raise TypeError(
                f"its output is a {type(output).__name__}, not one feature map or one token sequence"
            )
        return TrunkProbe(output, _unseen(trunk, image, generator))
    finally:
        trunk.train(training)


def _unseen(trunk: nn.Module, image: Tensor, generator: torch.Generator) -> tuple[int, int]:
    image = image.clone().requires_grad_()
    try:
        with torch.enable_grad(), _branches_open(trunk):
            output = trunk(image)
            # random weights, since behind a layer norm a plain sum is constant
            weights = torch.rand(output.shape, generator=generator)
            (gradient,) = torch.autograd.grad((output * weights).sum(), image)
    except RuntimeError:
        return 0, 0
    touched = gradient[0].abs().sum(dim=0) > 0
    return _edges(touched.any(dim=1)), _edges(touched.any(dim=0))


@contextmanager
def _branches_open(trunk: nn.Module) -> Iterator[None]:
    """Context in which scales initialized to zero, which disable their residual branch, are one."""
    zero_scales = [
        parameter
        for name, parameter in trunk.named_parameters()
        if parameter.ndim <= 1 and not name.endswith("bias") and not parameter.any()
    ]
    with torch.no_grad():
        for parameter in zero_scales:
            parameter.fill_(1)
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter in zero_scales:
                parameter.zero_()


def _edges(touched: Tensor) -> int:
    """Number of entries before the first and after the last True; 0 if there is none."""
    positions = touched.nonzero().flatten()
    return len(touched) - int(positions[-1] - positions[0]) - 1 if len(positions) else 0
