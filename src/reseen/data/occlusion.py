"""Synthetic occlusion of crops, for measuring the robustness of retrieval; not used in training.

What is hidden depends only on the seed and the crop's path, so that every method is evaluated on the same occlusions.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor

from reseen.errors import SettingsError

Half = Literal["upper", "lower"]


@dataclass(frozen=True)
class Occlusion:
    """A single-color rectangle over a fraction of the crop, or the crop reduced to its upper or lower half.

    Raises:
        SettingsError: not exactly one of `share` and `half` is given, or `share` is not between 0 and 1.

    Example:
        >>> occluded = Occlusion(share=0.3).hide(images, paths)
    """

    share: float | None = None
    """Fraction of the crop's area covered by a rectangle, above 0 and below 1."""
    half: Half | None = None
    """The half of the crop that is kept, and resized to the whole crop."""
    seed: int = 0
    """Seed of rectangles and colors, combined with each crop's path."""

    def __post_init__(self) -> None:
        if (self.share is None) == (self.half is None):
            raise SettingsError("occlusion: give a share of the crop to cover, or the half to keep")
        if self.share is not None and not 0 < self.share < 1:
            raise SettingsError(
                f"occlusion: the share to cover must be above 0 and below 1, found {self.share:g}"
            )

    @property
    def name(self) -> str:
        """A short description for reports, such as `30% covered`."""
        return f"{self.share:.0%} covered" if self.share is not None else f"{self.half} half only"

    def hide(self, images: UInt8[Tensor, "b 3 h w"], paths: Sequence[str]) -> UInt8[Tensor, "b 3 h w"]:
        """Occluded copies of the images; `paths` are the crops' relative paths, which seed the rectangles."""
        height = images.shape[2]
        if self.half is not None:
            part = images[:, :, : height // 2] if self.half == "upper" else images[:, :, height // 2 :]
            grown = F.interpolate(part.float(), images.shape[2:], mode="bilinear", antialias=True)
            return grown.round().clamp(0, 255).to(torch.uint8)
        hidden = images.clone()
        for image, path in zip(hidden, paths, strict=True):
            self._cover(image, path)
        return hidden

    def _cover(self, image: UInt8[Tensor, "3 h w"], path: str) -> None:
        """Draw the rectangle into `image`, of an aspect ratio between full width and full height."""
        assert self.share is not None
        generator = np.random.default_rng([self.seed, zlib.crc32(path.encode("utf-8", "surrogateescape"))])
        tall = self.share ** generator.random()
        size = tall, self.share / tall
        height, width = (
            max(1, round(share * side)) for share, side in zip(size, image.shape[1:], strict=True)
        )
        top, left = (int(generator.integers(side - cover + 1)) for side, cover in
                     zip(image.shape[1:], (height, width), strict=True))  # fmt: skip
        color = torch.from_numpy(generator.integers(0, 256, 3).astype(np.uint8))
        image[:, top : top + height, left : left + width] = color[:, None, None].to(image.device)
