"""Turn and zoom: the views after the first of a crop, in methods that compare several."""

import math
from typing import Annotated

import torch
from jaxtyping import Float, UInt8
from pydantic import Field, model_validator
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, grid_sample

from reseen.config import Settings
from reseen.data.part import Part


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
    part: Part | None = None,
) -> UInt8[Tensor, "b 3 h w"]:
    """Turn each image around its middle, cut a window of its shape and enlarge that; edges go on outside."""
    part = part or Part.whole(len(images))
    count, (height, width) = part.of, images.shape[2:]
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
    windows: Float[Tensor, "b 2 3"] = torch.stack([across, down], dim=1)[part.own].to(images.device)
    grid = affine_grid(windows, [len(images), 3, height, width], align_corners=False)
    seen = grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    return seen.round().clamp(0, 255).to(torch.uint8)
