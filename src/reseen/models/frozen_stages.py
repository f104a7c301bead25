"""Frozen stages are the same in an encoder and its momentum teacher: computed by the one, taken up by the other."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reseen.models.encoder import Encoder


@contextmanager
def remember_frozen(encoder: Encoder) -> Iterator[list[Tensor]]:
    """While this lasts, the output of the last frozen stage goes into the list given; nothing where none is frozen.

    It is copied, since what follows may change it in place.
    """
    outputs: list[Tensor] = []
    last = _last_frozen(encoder)
    if last is None:
        yield outputs
        return
    handle = last.register_forward_hook(
        lambda _module, _given, output: outputs.append(output.detach().clone())
    )
    try:
        yield outputs
    finally:
        handle.remove()


def maps_from(encoder: Encoder, images: Float[Tensor, "b 3 h w"], output: Tensor) -> Tensor:
    """`encoder.maps(images)` where `output` is what the frozen stages make of the images.

    One image goes through the frozen stages, so that the trunk takes its usual way, and its place is taken after them.
    """
    last = _last_frozen(encoder)
    if last is None:
        return encoder.maps(images)
    taken = output.to(images.dtype)
    handle = last.register_forward_hook(lambda _module, _given, _output: taken)
    try:
        return encoder.maps(images[:1])
    finally:
        handle.remove()


@torch.no_grad()
def can_share(encoder: Encoder) -> bool:
    """Whether the rest of the trunk follows from the last frozen stage alone, tried out on noise."""
    if _last_frozen(encoder) is None:
        return False
    place = next(encoder.parameters()).device
    images = torch.rand(2, 3, encoder.height, encoder.width, generator=torch.Generator().manual_seed(0)).to(
        place
    )
    training = encoder.training
    encoder.eval()
    try:
        with remember_frozen(encoder) as outputs:
            whole = encoder.maps(images)
        return len(outputs) == 1 and torch.allclose(whole, maps_from(encoder, images, outputs[0]), atol=1e-5)
    except (RuntimeError, TypeError):  # later stages need more than the last frozen one gives
        return False
    finally:
        encoder.train(training)


def _last_frozen(encoder: Encoder) -> nn.Module | None:
    return encoder.trunk.get_submodule(encoder.frozen[-1]) if encoder.frozen else None
