"""Runs a trunk up to one of its modules, or from there on, by hooks: any backbone can be cut, its code stays.

Whether what follows depends on that module's output alone is for the caller to verify; see `frozen_stages`.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

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

    with _hooked(trunk, module, capture), suppress(_ReachedError):
        trunk(images)
    return outputs[0]


def output_from(trunk: nn.Module, module: str, image: Float[Tensor, "1 3 h w"], output: Tensor) -> Tensor:
    """The trunk's output, given the `output` of the submodule named `module` for any number of images.

    `image` alone is run up to the module, to keep the trunk's own forward pass; a hook then replaces what comes of it
    by a copy of `output`, since later stages may modify it in place.
    """
    with _hooked(trunk, module, lambda _module, _input, _output: output.clone()):
        return trunk(image)


@contextmanager
def _hooked(trunk: nn.Module, module: str, hook: Any) -> Iterator[None]:
    handle = trunk.get_submodule(module).register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
