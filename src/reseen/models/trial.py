"""One image through a trunk: what comes out, and which rows and columns of the image have no part in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class TrunkProbe:
    """What a trunk made of one image of noise."""

    output: Tensor
    unseen: tuple[int, int]
    """Rows and columns at the edges of the image that change nothing in the output."""


def probe_trunk(trunk: nn.Module, height: int, width: int) -> TrunkProbe:
    """Put an image through a trunk in evaluation mode, and back; its mode and weights stay as they are.

    Rows and columns without a gradient are those that a patch, a window or a stride without padding leaves over.
    Where no gradient can be had, none counts as unseen.

    Raises:
        Exception: whatever the trunk raises for an image of this size.
        TypeError: the output is no tensor.
    """
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, height, width, generator=generator)
    training = trunk.training
    trunk.eval()
    try:
        with torch.no_grad():
            output = trunk(image)
        if not isinstance(output, Tensor):
            raise TypeError(f"it gives a {type(output).__name__} in place of one map or one row of tokens")
        return TrunkProbe(output, _unseen(trunk, image, generator))
    finally:
        trunk.train(training)


def _unseen(trunk: nn.Module, image: Tensor, generator: torch.Generator) -> tuple[int, int]:
    image = image.clone().requires_grad_()
    try:
        with torch.enable_grad(), _branches_open(trunk):
            output = trunk(image)
            weights = torch.rand(
                output.shape, generator=generator
            )  # a plain sum is constant behind a layer norm
            (gradient,) = torch.autograd.grad((output * weights).sum(), image)
    except RuntimeError:
        return 0, 0
    touched = gradient[0].abs().sum(dim=0) > 0
    return _edges(touched.any(dim=1)), _edges(touched.any(dim=0))


@contextmanager
def _branches_open(trunk: nn.Module) -> Iterator[None]:
    """Scales that start at zero, so that a residual branch gives nothing yet, are one meanwhile."""
    closed = [
        parameter
        for name, parameter in trunk.named_parameters()
        if parameter.ndim <= 1 and not name.endswith("bias") and not parameter.any()
    ]
    with torch.no_grad():
        for parameter in closed:
            parameter.fill_(1)
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter in closed:
                parameter.zero_()


def _edges(touched: Tensor) -> int:
    """Places before the first and behind the last that is true; none where no place is."""
    places = touched.nonzero().flatten()
    return len(touched) - int(places[-1] - places[0]) - 1 if len(places) else 0
