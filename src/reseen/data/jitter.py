"""Batched color jitter: brightness, contrast, saturation, hue and color cast, with random factors per image.

The first four are defined, and their factors drawn, as in torchvision's `ColorJitter`, except that the order of the
transforms is drawn once per batch. The color cast, a random white balance, is not in torchvision.
"""

from collections.abc import Callable
from typing import Annotated

import torch
from jaxtyping import Float, UInt8
from pydantic import Field
from torch import Generator, Tensor

from reseen.config import Settings
from reseen.records import BatchSlice

_GRAY = (0.2989, 0.587, 0.114)


class JitterSettings(Settings):
    """Strengths of the color jitter; 0 disables a transform."""

    brightness: Annotated[float, Field(ge=0)] = 0.2
    """Brightness is multiplied by a factor within 1 +- this value."""

    contrast: Annotated[float, Field(ge=0)] = 0.2
    """Contrast is multiplied by a factor within 1 +- this value."""

    saturation: Annotated[float, Field(ge=0)] = 0.2
    """Saturation is multiplied by a factor within 1 +- this value."""

    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    """Hue is rotated by at most this fraction of the color circle."""

    cast: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Red, green and blue are multiplied by independent factors within 1 +- this value, like a change of white balance;
    not in torchvision."""


def jitter_color(
    images: UInt8[Tensor, "b 3 h w"],
    settings: JitterSettings,
    generator: Generator,
    part: BatchSlice | None = None,
) -> UInt8[Tensor, "b 3 h w"]:
    """Jitter the colors of each image by its own random factors; `part` is the slice of the batch in `images`."""
    part = part or BatchSlice.whole(len(images))
    count = part.batch_size

    def factors(strength: float) -> Float[Tensor, "b 1 1 1"]:
        low = max(0.0, 1 - strength)
        values = low + (1 + strength - low) * torch.rand(count, generator=generator)
        return values[part.span].to(images.device)[:, None, None, None]

    gains = 1 + settings.cast * (2 * torch.rand(count, 3, 1, 1, generator=generator) - 1)
    turn = (2 * torch.rand(count, generator=generator) - 1) * settings.hue
    steps: list[tuple[Callable[[Tensor, Tensor], Tensor], Tensor]] = [
        (adjust_brightness, factors(settings.brightness)),
        (adjust_contrast, factors(settings.contrast)),
        (adjust_saturation, factors(settings.saturation)),
        (adjust_hue, turn[part.span].to(images.device)[:, None, None]),
        (adjust_brightness, gains[part.span].to(images.device)),
    ]
    jittered = images.float() / 255
    for index in torch.randperm(len(steps), generator=generator).tolist():
        adjust, amount = steps[index]
        jittered = adjust(jittered, amount)
    return (jittered * 255).round().to(torch.uint8)


def adjust_brightness(
    images: Float[Tensor, "b 3 h w"], factor: Float[Tensor, "b #c 1 1"]
) -> Float[Tensor, "b 3 h w"]:
    """Multiply by a factor per image or per channel, clamped to 0 to 1, the range of the pixels."""
    return (images * factor).clamp(0, 1)


def adjust_contrast(
    images: Float[Tensor, "b 3 h w"], factor: Float[Tensor, "b 1 1 1"]
) -> Float[Tensor, "b 3 h w"]:
    """Blend each image with its mean gray level by a factor per image; pixels in 0 to 1."""
    mean = _gray(images).mean(dim=(2, 3), keepdim=True)
    return (images * factor + mean * (1 - factor)).clamp(0, 1)


def adjust_saturation(
    images: Float[Tensor, "b 3 h w"], factor: Float[Tensor, "b 1 1 1"]
) -> Float[Tensor, "b 3 h w"]:
    """Blend each image with its grayscale version by a factor per image; pixels in 0 to 1."""
    return (images * factor + _gray(images) * (1 - factor)).clamp(0, 1)


def adjust_hue(images: Float[Tensor, "b 3 h w"], turn: Float[Tensor, "b 1 1"]) -> Float[Tensor, "b 3 h w"]:
    """Rotate the hue of each image by a fraction of the color circle, -0.5 to 0.5; pixels in 0 to 1."""
    red, green, blue = images.unbind(dim=1)
    value, lowest = images.amax(dim=1), images.amin(dim=1)
    chroma = value - lowest
    safe = torch.where(chroma == 0, torch.ones_like(chroma), chroma)
    sixths = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    sixths = torch.where(chroma == 0, torch.zeros_like(sixths), sixths) + 6 * turn
    channels = []
    for offset in (5.0, 3.0, 1.0):
        position = (offset + sixths) % 6
        channels.append(value - chroma * torch.minimum(position, 4 - position).clamp(0, 1))
    return torch.stack(channels, dim=1)


def _gray(images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 h w"]:
    weights = torch.tensor(_GRAY, device=images.device)
    return (images * weights[None, :, None, None]).sum(dim=1, keepdim=True)
