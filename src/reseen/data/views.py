"""Batched augmentation of image tensors, deterministic given a generator.

The order is standard in re-ID: rotation and zoom, color jitter, flip, pad-and-crop, normalization, random erasing.
Every image has its own random parameters, distributed as in torchvision's v2 transforms (`RandomHorizontalFlip`,
`RandomCrop` with padding, `ColorJitter`, `RandomErasing`). Those process one image at a time and would dominate the
time of a training step.

Rotation and zoom (`warp`) apply only to the second and later views of a crop, in methods that use several views.
"""

import math
from typing import Annotated

import torch
from jaxtyping import Bool, Float, Int64, UInt8
from pydantic import Field, model_validator
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, grid_sample

from reseen.config import Settings
from reseen.data.jitter import JitterSettings, jitter_color
from reseen.records import BatchSlice


class WarpSettings(Settings):
    """Strength of rotation and zoom; the defaults are those of Yang et al., CVPR 2019."""

    rotation: Annotated[float, Field(ge=0, le=180)] = 10.0
    """Largest rotation in degrees, in either direction."""

    smallest_area: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Smallest fraction of the crop's area that stays visible."""

    largest_area: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Largest fraction of the crop's area that stays visible."""

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
    """Rotate each image around its center and zoom into a random window of the same aspect ratio.

    Outside the image, edge pixels are repeated. `part` is the slice of the batch in `images`.

    Reference: Yang et al., "Patch-based discriminative feature learning for unsupervised person re-identification",
    CVPR 2019.
    """
    part = part or BatchSlice.whole(len(images))
    count, (height, width) = part.batch_size, images.shape[2:]
    angle = math.radians(settings.rotation) * (2 * torch.rand(count, generator=generator) - 1)
    share = settings.largest_area - settings.smallest_area
    zoom = (settings.smallest_area + share * torch.rand(count, generator=generator)).sqrt()
    center = (2 * torch.rand(count, 2, generator=generator) - 1) * (1 - zoom[:, None])
    aspect = (
        height / width
    )  # coordinates are -1 to 1 on both axes, so rotation must correct for the aspect ratio
    cosine, sine = zoom * angle.cos(), zoom * angle.sin()
    across = torch.stack([cosine, -sine * aspect, center[:, 0]], dim=1)
    down = torch.stack([sine / aspect, cosine, center[:, 1]], dim=1)
    if not len(images):  # after drawing, so that the generator advances as in other processes
        return images
    windows: Float[Tensor, "b 2 3"] = torch.stack([across, down], dim=1)[part.span].to(images.device)
    grid = affine_grid(windows, [len(images), 3, height, width], align_corners=False)
    warped = grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    return warped.round().clamp(0, 255).to(torch.uint8)


Share = Annotated[float, Field(ge=0, le=1)]

_ERASING_AREA = (0.02, 0.4)
_ERASING_RATIO = (0.3, 3.3)
_ERASING_ATTEMPTS = 10


class AugmentationSettings(Settings):
    """Augmentation of training crops."""

    flip: Share = 0.5
    """Probability of a horizontal flip."""

    pad: Annotated[float, Field(ge=0, lt=0.5)] = 10 / 256
    """Black border added before a random crop back to size, as a fraction of the height."""

    erasing: Share = 0.5
    """Probability of random erasing: a rectangle of 2 to 40 % of the area becomes the mean color."""

    jitter: JitterSettings | None = None
    """Color jitter; null for none."""

    warp: WarpSettings | None = None
    """Rotation and zoom of the second and later views, in methods that use several; null for none."""


def augment(
    images: UInt8[Tensor, "b 3 h w"],
    settings: AugmentationSettings,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    generator: Generator,
    views_per_crop: int = 1,
    part: BatchSlice | None = None,
) -> Float[Tensor, "b 3 h w"]:
    """Augment and normalize a batch; the result is on the same device, in channels-last memory.

    The batch contains `views_per_crop` copies of every crop: all crops once, then all again. `generator` is on the CPU,
    so that a seed gives the same views on every device. If `images` are only the slice `part` of the batch, they are
    augmented exactly as they would be within the whole batch.

    Example:
        >>> views = augment(images, AugmentationSettings(), encoder.mean, encoder.std, torch.Generator())
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
    """Pad with black, crop back at a random offset and flip a fraction of the images, in a single gather."""
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
    """The pixels at `rows` x `columns` of each image; black outside the image."""
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
    """Masks of the rectangles to erase, in a fraction `share` of the images.

    As in torchvision, ten rectangles are tried per image, and nothing is erased if none fits.
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
    erased = (torch.rand(count, generator=generator) < share) & fits.any(dim=1)
    rows, columns = torch.arange(height), torch.arange(width)
    in_rows = (rows >= top[:, None]) & (rows < (top + tall)[:, None])
    in_columns = (columns >= left[:, None]) & (columns < (left + wide)[:, None])
    erased, in_rows, in_columns = erased[part.span], in_rows[part.span], in_columns[part.span]
    return (erased[:, None, None] & in_rows[:, :, None] & in_columns[:, None, :]).to(images.device)
