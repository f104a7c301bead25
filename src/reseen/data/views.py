"""Augmentation of whole batches as tensors, deterministic under a passed generator.

The order is the field's: turn and zoom, jitter, flip, pad-and-crop, normalize, random erasing. Every image draws
its own numbers. Sampling follows torchvision's v2 transforms (`RandomHorizontalFlip`, `RandomCrop` with padding,
`ColorJitter`, `RandomErasing`), which take one image at a time and would take most of a training step.

Turn and zoom: the views after the first of a crop, in methods that compare several.
"""

import math
from typing import Annotated

import torch
from jaxtyping import Bool, Float, Int64, UInt8
from pydantic import Field, model_validator
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, grid_sample

from reseen.config import Settings
from reseen.data.batch_slice import BatchSlice
from reseen.data.jitter import JitterSettings, jitter_color


class WarpSettings(Settings):
    """Strengths; the defaults are those of Yang et al., CVPR 2019."""

    rotation: Annotated[float, Field(ge=0, le=180)] = 10.0
    """Turns by at most so many degrees, either way."""

    smallest_area: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Least share of the crop that is seen."""

    largest_area: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Largest share of the crop that is seen."""

    @model_validator(mode="after")
    def _in_order(self) -> "WarpSettings":
        if self.smallest_area > self.largest_area:
            raise ValueError("smallest_area is larger than largest_area")
        return self


def warp(
    images: UInt8[Tensor, "b 3 h w"],
    settings: WarpSettings,
    generator: Generator,
    part: BatchSlice | None = None,
) -> UInt8[Tensor, "b 3 h w"]:
    """Turn each image around its middle, cut a window of its shape and enlarge that; edges go on outside."""
    part = part or BatchSlice.whole(len(images))
    count, (height, width) = part.batch_size, images.shape[2:]
    angle = math.radians(settings.rotation) * (2 * torch.rand(count, generator=generator) - 1)
    share = settings.largest_area - settings.smallest_area
    zoom = (settings.smallest_area + share * torch.rand(count, generator=generator)).sqrt()
    place = (2 * torch.rand(count, 2, generator=generator) - 1) * (1 - zoom[:, None])
    shape = height / width  # coordinates run from -1 to 1 on both sides, so that turning stretches
    cosine, sine = zoom * angle.cos(), zoom * angle.sin()
    across = torch.stack([cosine, -sine * shape, place[:, 0]], dim=1)
    down = torch.stack([sine / shape, cosine, place[:, 1]], dim=1)
    if not len(images):  # the numbers are drawn all the same
        return images
    windows: Float[Tensor, "b 2 3"] = torch.stack([across, down], dim=1)[part.span].to(images.device)
    grid = affine_grid(windows, [len(images), 3, height, width], align_corners=False)
    seen = grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    return seen.round().clamp(0, 255).to(torch.uint8)


Share = Annotated[float, Field(ge=0, le=1)]

_ERASING_AREA = (0.02, 0.4)
_ERASING_RATIO = (0.3, 3.3)
_ERASING_ATTEMPTS = 10


class AugmentationSettings(Settings):
    """What a training crop goes through."""

    flip: Share = 0.5
    """Share of images mirrored left to right."""

    pad: Annotated[float, Field(ge=0, lt=0.5)] = 10 / 256
    """Black border added before cropping back at a random place, as a share of the height."""

    erasing: Share = 0.5
    """Share of images of which a random rectangle (2 to 40 % of the area) becomes the mean color."""

    jitter: JitterSettings | None = None
    """Color jitter; null for none."""

    warp: WarpSettings | None = None
    """Turning and zooming of every view after the first, where a method takes several; null for none."""


def augment(
    images: UInt8[Tensor, "b 3 h w"],
    settings: AugmentationSettings,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    generator: Generator,
    views_per_crop: int = 1,
    part: BatchSlice | None = None,
) -> Float[Tensor, "b 3 h w"]:
    """Random views of `images`, normalized, on the same device and in channels-last memory.

    The batch holds `views_per_crop` of every crop: all crops once, then all again. The generator lives on the CPU, so
    that a seed means the same views on every device. Where `images` are a `part` of the batch, they become what they
    would in the whole of it.
    """
    part = part or BatchSlice.whole(len(images))
    if settings.warp is not None and views_per_crop > 1:
        later = part.after(part.batch_size // views_per_crop)
        first = len(images) - (later.span.stop - later.span.start)
        images = torch.cat([images[:first], warp(images[first:], settings.warp, generator, later)])
    if settings.jitter is not None:
        images = jitter_color(images, settings.jitter, generator, part)
    views = normalize(shift_and_flip(images, settings, generator, part), mean, std)
    if settings.erasing > 0:
        views.masked_fill_(_erased(views, settings.erasing, generator, part)[:, None], 0.0)
    return views


def normalize(
    images: UInt8[Tensor, "b 3 h w"], mean: tuple[float, float, float], std: tuple[float, float, float]
) -> Float[Tensor, "b 3 h w"]:
    """`(images / 255 - mean) / std` per channel, in channels-last memory."""
    scale = 1 / (255 * torch.tensor(std, device=images.device))
    offset = -torch.tensor(mean, device=images.device) / torch.tensor(std, device=images.device)
    floats = images.to(torch.float32, memory_format=torch.channels_last)
    return floats.mul_(scale[None, :, None, None]).add_(offset[None, :, None, None])


def shift_and_flip(
    images: UInt8[Tensor, "b 3 h w"],
    settings: AugmentationSettings,
    generator: Generator,
    part: BatchSlice | None = None,
) -> UInt8[Tensor, "b 3 h w"]:
    """Pad with black, crop back at a random place and mirror some: one gather."""
    part = part or BatchSlice.whole(len(images))
    count, (height, width) = part.batch_size, images.shape[2:]
    pad = round(settings.pad * height)
    down = torch.randint(0, 2 * pad + 1, (count,), generator=generator) - pad
    right = torch.randint(0, 2 * pad + 1, (count,), generator=generator) - pad
    flipped = torch.rand(count, generator=generator) < settings.flip
    columns = torch.arange(width).expand(count, width)
    columns = torch.where(flipped[:, None], width - 1 - columns, columns) + right[:, None]
    rows = torch.arange(height) + down[:, None]
    return _gather(images, rows[part.span].to(images.device), columns[part.span].to(images.device))


def _gather(
    images: UInt8[Tensor, "b 3 h w"], rows: Int64[Tensor, "b h"], columns: Int64[Tensor, "b w"]
) -> UInt8[Tensor, "b 3 h w"]:
    """Pixels at `rows` x `columns` of each image; black outside."""
    height, width = images.shape[2:]
    pixels = images.permute(0, 2, 3, 1)
    which = torch.arange(len(images), device=images.device)[:, None, None]
    inside_rows = (rows >= 0) & (rows < height)
    inside_columns = (columns >= 0) & (columns < width)
    picked = pixels[which, rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None, :]]
    picked *= (inside_rows[:, :, None] & inside_columns[:, None, :])[..., None]
    return picked.permute(0, 3, 1, 2)


def _erased(
    images: Float[Tensor, "b 3 h w"], share: float, generator: Generator, part: BatchSlice
) -> Bool[Tensor, "b h w"]:
    """Rectangles to erase, in a `share` of the images.

    As in torchvision, an image tries ten rectangles and stays whole when none fits inside.
    Reference: Zhong et al., "Random erasing data augmentation", AAAI 2020, algorithm 1.
    """
    count, (height, width) = part.batch_size, images.shape[2:]
    shape = (count, _ERASING_ATTEMPTS)
    low, high = _ERASING_AREA
    area = height * width * (low + (high - low) * torch.rand(shape, generator=generator))
    logarithms = torch.log(torch.tensor(_ERASING_RATIO))
    ratio = torch.exp(
        logarithms[0] + (logarithms[1] - logarithms[0]) * torch.rand(shape, generator=generator)
    )
    tall = torch.round(torch.sqrt(area * ratio)).long()
    wide = torch.round(torch.sqrt(area / ratio)).long()
    fits = (tall < height) & (wide < width)
    attempt = fits.int().argmax(dim=1, keepdim=True)
    tall, wide = tall.gather(1, attempt)[:, 0], wide.gather(1, attempt)[:, 0]
    top = (torch.rand(count, generator=generator) * (height - tall + 1)).long()
    left = (torch.rand(count, generator=generator) * (width - wide + 1)).long()
    chosen = (torch.rand(count, generator=generator) < share) & fits.any(dim=1)
    rows, columns = torch.arange(height), torch.arange(width)
    in_rows = (rows >= top[:, None]) & (rows < (top + tall)[:, None])
    in_columns = (columns >= left[:, None]) & (columns < (left + wide)[:, None])
    chosen, in_rows, in_columns = chosen[part.span], in_rows[part.span], in_columns[part.span]
    return (chosen[:, None, None] & in_rows[:, :, None] & in_columns[:, None, :]).to(images.device)
