"""What replaces the frozen stages of a trunk: a folded copy that computes them, or an output computed before.

Frozen stages never change, so nothing is kept for learning.

A trunk is run up to one of its modules, or from there on, by hooks: any backbone can be cut, its code stays. Whether
what follows depends on that module's output alone is for the caller to verify; see `frozen_stages`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn


class _ReachedError(Exception):
    """Raised after the module, to skip the rest of the trunk."""


def output_at(trunk: nn.Module, module: str, images: Float[Tensor, "b 3 h w"]) -> Tensor:
    """Output of the submodule named `module` for the images, without gradients, in the trunk's own memory order."""
    outputs: list[Tensor] = []

    def capture(_module: nn.Module, _input: Any, output: Tensor) -> None:
        outputs.append(output.detach())
        raise _ReachedError

    with hooked(trunk, module, capture), suppress(_ReachedError):
        trunk(images)
    return outputs[0]


def output_from(trunk: nn.Module, module: str, image: Float[Tensor, "1 3 h w"], output: Tensor) -> Tensor:
    """The trunk's output, given the `output` of the submodule named `module` for any number of images.

    `image` alone is run up to the module, to keep the trunk's own forward pass; a hook then replaces what comes of it
    by a copy of `output`, since later stages may modify it in place. It is the first hook there, so that others see
    the copy.
    """
    with hooked(trunk, module, lambda _module, _input, _output: output.clone(), first=True):
        return trunk(image)


@contextmanager
def hooked(trunk: nn.Module, module: str, hook: Any, first: bool = False) -> Iterator[None]:
    """Context in which `hook` is called after the submodule named `module`, with module, inputs and output.

    `first`: before the hooks that are there already.
    """
    handle = trunk.get_submodule(module).register_forward_hook(hook, prepend=first)
    try:
        yield
    finally:
        handle.remove()


class AbstractFront(ABC):
    """Gives the output of a trunk's frozen stages, of which `last` names the last module; the trunk does the rest.

    It is no module: no checkpoint holds it and no optimizer sees it. Copies of an encoder, such as a momentum teacher,
    share it, as their frozen stages are equal.
    """

    def __init__(self, last: str) -> None:
        self._last = last

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    @abstractmethod
    def output(self, images: Float[Tensor, "b 3 h w"]) -> Tensor:
        """Output of the last frozen module for the images, in the trunk's memory order; no gradient."""

    def through(self, trunk: nn.Module, images: Float[Tensor, "b 3 h w"]) -> Tensor:
        """The output of `trunk` for the images, its frozen stages given by `output`."""
        return output_from(trunk, self._last, images[:1], self.output(images))


class FrozenFront(AbstractFront):
    """Computes a trunk's frozen stages by `copy`, which gives the same up to rounding."""

    def __init__(self, copy: nn.Module, last: str, dtype: torch.dtype | None) -> None:
        """`last` names the last frozen module; `dtype` is the type of maps and weights, None for float32."""
        super().__init__(last)
        self._copy = copy if dtype is None else copy.to(dtype)
        self._dtype = dtype

    @torch.no_grad()
    def output(self, images: Float[Tensor, "b 3 h w"]) -> Tensor:
        """Output of the last frozen module, in the trunk's memory order and in the front's type."""
        with torch.autocast(images.device.type, enabled=False):  # the copy has its type already
            return output_at(self._copy, self._last, images.to(self._dtype or torch.float32))


class GivenOutput(AbstractFront):
    """An output that is there already, such as one that was kept; it is that of any images."""

    def __init__(self, output: Tensor, last: str) -> None:
        """`output` is that of the last frozen module, which `last` names, in the trunk's memory order."""
        super().__init__(last)
        self._output = output

    def output(self, images: Float[Tensor, "b 3 h w"]) -> Tensor:  # noqa: ARG002
        """The given output."""
        return self._output
