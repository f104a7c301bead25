"""Shares the output of frozen stages: it is equal for an encoder, its momentum teacher and every view.

Masks between stages follow Ghiasi et al., "DropBlock: a regularization method for convolutional networks", NeurIPS
2018, section 3, which rescales the remaining activations.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from reseen.models.ema import unwrapped
from reseen.models.encoder import Encoder
from reseen.models.fold import fold_batch_norms
from reseen.models.frozen_front import FrozenFront, GivenOutput, output_at, output_from
from reseen.models.patch_stage import TrunkMaps


def frozen_output(encoder: nn.Module, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c y x"]:
    """Output of the frozen stages for the images, without running the rest of the trunk; no gradient.

    A map is returned channels first; any other output is returned as it is. `encoder` may be wrapped by Fabric. In
    data-parallel training, `images` and the output are this process's shard.

    Raises:
        ValueError: no stage is frozen.
    """
    plain = unwrapped(encoder)
    last = _last_frozen(plain)
    if plain.front is not None:
        output = plain.front.output(images)
    else:
        with plain.arithmetic.context(images.device.type), torch.no_grad():
            output = output_at(plain.trunk, last, images)
    return _move_channels(plain, output, 3, 1)


def maps_from_frozen(encoder: nn.Module, images: Float[Tensor, "b 3 h w"], output: Tensor) -> Tensor:
    """`encoder.maps(images)`, given the `output` of the frozen stages for these images.

    Of the images only the first is used, to keep the trunk's own forward pass.

    Raises:
        ValueError: no stage is frozen.
    """
    return trunk_maps_from_frozen(encoder, images, output).last


def trunk_maps_from_frozen(encoder: nn.Module, images: Float[Tensor, "b 3 h w"], output: Tensor) -> TrunkMaps:
    """`encoder.trunk_maps(images)`, given the `output` of the frozen stages for these images; see `maps_from_frozen`.

    Raises:
        ValueError: no stage is frozen.
    """
    plain = unwrapped(encoder)
    replacement = _move_channels(plain, output, 1, 3)
    if not plain.arithmetic.fused:
        replacement = replacement.to(images.dtype)
    with plain.arithmetic.context(images.device.type):
        return plain.collect_maps(
            lambda: output_from(plain.trunk, _last_frozen(plain), images[:1], replacement)
        )


@contextmanager
def given_frozen_output(encoders: Sequence[nn.Module], output: Tensor) -> Iterator[None]:
    """Within the block, `encoders` take `output` as that of their frozen stages, whatever images they are called with.

    The number of images is that of `output`, which is as `frozen_output` returns it, on the encoders' device. Of the
    images only the first is used, to keep the trunk's own forward pass. Encoders may be wrapped by Fabric.

    Raises:
        ValueError: no stage is frozen.

    Example:
        >>> with given_frozen_output([encoder], frozen_output(encoder, images)):
        ...     maps = encoder.maps(images)  # the same, without computing the frozen stages again
    """
    plain = [unwrapped(encoder) for encoder in encoders]
    given = [GivenOutput(_move_channels(one, output, 1, 3), _last_frozen(one)) for one in plain]
    before = [one.front for one in plain]
    try:
        for one, front in zip(plain, given, strict=True):
            one.compute_frozen_with(front)
        yield
    finally:
        for one, front in zip(plain, before, strict=True):
            one.compute_frozen_with(front)


@torch.no_grad()
def fuse_frozen(encoder: nn.Module) -> bool:
    """Let a folded copy compute the frozen stages, where the encoder's arithmetic is fused; returns whether it does.

    To be called when the frozen weights are there, as after a checkpoint is loaded. Nothing is done where no stage is
    frozen, where `frozen_grid` finds that the trunk cannot be cut behind them, or where batch norms cannot be folded.
    """
    plain = unwrapped(encoder)
    plain.compute_frozen_with(None)
    if not plain.arithmetic.fused or frozen_grid(plain) is None:
        return False
    copy = fold_batch_norms(plain.trunk, _noise(plain))
    if copy is None:
        return False
    plain.compute_frozen_with(FrozenFront(copy, _last_frozen(plain), plain.arithmetic.autocast))
    return True


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
    images, training = _noise(encoder), encoder.training
    encoder.eval()
    try:
        output = frozen_output(encoder, images)
        same = torch.allclose(encoder.maps(images), maps_from_frozen(encoder, images, output), atol=1e-5)
    except (RuntimeError, TypeError, IndexError):  # later stages need more than the last frozen output
        return None
    finally:
        encoder.train(training)
    return (output.shape[2], output.shape[3]) if same and output.ndim == 4 else None


def _last_frozen(encoder: Encoder) -> str:
    if not encoder.frozen:
        raise ValueError("the encoder has no frozen stages; set model.frozen_stages to 1 or more")
    return encoder.frozen[-1]


def _noise(encoder: Encoder) -> Float[Tensor, "2 3 h w"]:
    """Two random images of the encoder's size, the same always, on its device."""
    noise = torch.rand(2, 3, encoder.height, encoder.width, generator=torch.Generator().manual_seed(0))
    return noise.to(next(encoder.parameters()).device)


def _move_channels(encoder: Encoder, output: Tensor, source: int, destination: int) -> Tensor:
    """`output` with the channel axis moved, if the trunk is channels-last and the output is a map."""
    channels_last = not encoder.channels_first and output.ndim == 4
    return output.movedim(source, destination) if channels_last else output
