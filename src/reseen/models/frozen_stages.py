"""Shares the output of frozen stages: it is equal for an encoder, its momentum teacher and every view.

Masks between stages follow Ghiasi et al., "DropBlock: a regularization method for convolutional networks", NeurIPS
2018, section 3, which rescales the remaining activations.
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
    """Raised after the last frozen stage, to skip the rest of the trunk."""


def frozen_output(encoder: nn.Module, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c y x"]:
    """Output of the frozen stages for the images, without running the rest of the trunk; no gradient.

    A map is returned channels first; any other output is returned as it is. `encoder` may be wrapped by Fabric. In
    data-parallel training, `images` and the output are this process's shard.

    Raises:
        ValueError: no stage is frozen.
    """
    outputs: list[Tensor] = []

    def capture(_module: nn.Module, _input: Any, output: Tensor) -> None:
        outputs.append(output.detach())
        raise _ReachedError

    with _hooked(encoder, capture), torch.no_grad(), suppress(_ReachedError):
        _maps(encoder, images)
    return _move_channels(encoder, outputs[0], 3, 1)


def maps_from_frozen(encoder: nn.Module, images: Float[Tensor, "b 3 h w"], output: Tensor) -> Tensor:
    """`encoder.maps(images)`, given the `output` of the frozen stages for these images.

    A single image is run through the frozen stages, to keep the trunk's own forward pass; a hook then replaces its
    output by a copy of `output`, since later stages may modify it in place.

    Raises:
        ValueError: no stage is frozen.
    """
    replacement = _move_channels(encoder, output, 1, 3).to(images.dtype)
    with _hooked(encoder, lambda _module, _input, _output: replacement.clone()):
        return _maps(encoder, images[:1])


def apply_mask(output: Float[Tensor, "b c y x"], kept: Bool[Tensor, "b 1 y x"]) -> Float[Tensor, "b c y x"]:
    """`output` with masked cells set to zero and the kept ones divided by the fraction kept, per image."""
    fraction = kept.flatten(1).float().mean(dim=1)
    return output * (kept / fraction[:, None, None, None]).to(output)


@torch.no_grad()
def frozen_grid(encoder: Encoder) -> tuple[int, int] | None:
    """Rows and columns of the frozen stages' output map, where the rest of the trunk depends on this map alone.

    This is verified on random images. None if nothing is frozen, later stages use earlier outputs, the output is not a
    map, or the trunk is compiled, which would ignore or cache the temporary hooks.
    """
    if not encoder.frozen or encoder.trunk._compiled_call_impl is not None:
        return None
    device = next(encoder.parameters()).device
    noise = torch.rand(2, 3, encoder.height, encoder.width, generator=torch.Generator().manual_seed(0))
    images, training = noise.to(device), encoder.training
    encoder.eval()
    try:
        output = frozen_output(encoder, images)
        same = torch.allclose(encoder.maps(images), maps_from_frozen(encoder, images, output), atol=1e-5)
    except (RuntimeError, TypeError, IndexError):  # later stages need more than the last frozen output
        return None
    finally:
        encoder.train(training)
    return (output.shape[2], output.shape[3]) if same and output.ndim == 4 else None


@contextmanager
def _hooked(encoder: nn.Module, hook: Any) -> Iterator[None]:
    plain = unwrapped(encoder)
    if not plain.frozen:
        raise ValueError("the encoder has no frozen stages; set model.frozen_stages to 1 or more")
    handle = plain.trunk.get_submodule(plain.frozen[-1]).register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _move_channels(encoder: nn.Module, output: Tensor, source: int, destination: int) -> Tensor:
    """`output` with the channel axis moved, if the trunk is channels-last and the output is a map."""
    last = not unwrapped(encoder).channels_first and output.ndim == 4
    return output.movedim(source, destination) if last else output


def _maps(encoder: Any, images: Tensor) -> Tensor:
    """`encoder.maps` through Fabric's wrapper, which the annotation of `nn.Module` does not know."""
    return encoder.maps(images)
