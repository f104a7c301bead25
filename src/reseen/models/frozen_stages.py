"""What frozen stages give is the same for an encoder, its momentum teacher and every view: computed once for all.

Reference for masks between stages: Ghiasi et al., "DropBlock: a regularization method for convolutional networks",
NeurIPS 2018, section 3, which scales what is left up to the sum of what was there.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from reseen.models.ema import unwrapped
from reseen.models.encoder import Encoder


class _ReachedError(Exception):
    """The last frozen stage is done; nothing after it needs to run."""


def frozen_output(encoder: nn.Module, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c y x"]:
    """What the frozen stages make of the images, without the rest of the trunk; no gradient.

    A map, whatever order the trunk keeps it in; what is no map is left as it is.

    `encoder` may be wrapped by Fabric. Where processes share a batch, this is of this process's images.

    Raises:
        ValueError: no stage is frozen.
    """
    outputs: list[Tensor] = []

    def reached(_module: nn.Module, _given: Any, output: Tensor) -> None:
        outputs.append(output.detach())
        raise _ReachedError

    with _hooked(encoder, reached), torch.no_grad(), suppress(_ReachedError):
        _maps(encoder, images)
    return _turned(encoder, outputs[0], 3, 1)


def maps_from_frozen(encoder: nn.Module, images: Float[Tensor, "b 3 h w"], output: Tensor) -> Tensor:
    """`encoder.maps(images)` where `output` is what the frozen stages make of the images.

    One image goes through the frozen stages, so that the trunk takes its usual way, and its place is taken after them
    by a copy, since later stages may change it in place.

    Raises:
        ValueError: no stage is frozen.
    """
    taken = _turned(encoder, output, 1, 3).to(images.dtype)
    with _hooked(encoder, lambda _module, _given, _output: taken.clone()):
        return _maps(encoder, images[:1])


def apply_mask(output: Float[Tensor, "b c y x"], kept: Bool[Tensor, "b 1 y x"]) -> Float[Tensor, "b c y x"]:
    """Zero where a mask hides, and what is kept scaled up by how much is lost."""
    share = kept.flatten(1).float().mean(dim=1)
    return output * (kept / share[:, None, None, None]).to(output)


@torch.no_grad()
def frozen_grid(encoder: Encoder) -> tuple[int, int] | None:
    """Rows and columns of what the frozen stages give, where the rest of the trunk follows from it alone.

    Tried out on noise; None where nothing is frozen, later stages look further back, it is no map, or the trunk is
    compiled, which would keep or miss what hangs on to it for one pass.
    """
    if not encoder.frozen or encoder.trunk._compiled_call_impl is not None:
        return None
    place = next(encoder.parameters()).device
    noise = torch.rand(2, 3, encoder.height, encoder.width, generator=torch.Generator().manual_seed(0))
    images, training = noise.to(place), encoder.training
    encoder.eval()
    try:
        output = frozen_output(encoder, images)
        same = torch.allclose(encoder.maps(images), maps_from_frozen(encoder, images, output), atol=1e-5)
    except (RuntimeError, TypeError, IndexError):  # later stages need more than the last frozen one gives
        return None
    finally:
        encoder.train(training)
    return (output.shape[2], output.shape[3]) if same and output.ndim == 4 else None


@contextmanager
def _hooked(encoder: nn.Module, hook: Any) -> Iterator[None]:
    plain = unwrapped(encoder)
    if not plain.frozen:
        raise ValueError("this encoder has no frozen stages; set model.frozen_stages above 0")
    handle = plain.trunk.get_submodule(plain.frozen[-1]).register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _turned(encoder: nn.Module, output: Tensor, source: int, destination: int) -> Tensor:
    """With channels in another place, where the trunk keeps them last and the output is a map."""
    last = not unwrapped(encoder).channels_first and output.ndim == 4
    return output.movedim(source, destination) if last else output


def _maps(encoder: Any, images: Tensor) -> Tensor:
    """By the wrapper, where there is one."""
    return encoder.maps(images)
