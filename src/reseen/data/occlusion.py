"""Crops of which a part cannot be seen, the same part in every run: how well a network finds people then.

Nothing learns from these. What is hidden depends on the seed and on the crop's path alone, so every method is asked
the same questions, in whatever order.
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
    """A rectangle of one color over a share of the crop, or half a body in place of a whole one.

    Raises:
        SettingsError: neither or both are asked for, or the share is not between 0 and 1.
    """

    share: float | None = None
    """Share of the crop's area that a rectangle covers, above 0 and below 1."""
    half: Half | None = None
    """Only this half of the crop is left, and fills it."""
    seed: int = 0
    """Decides rectangles and colors, together with each crop's path."""

    def __post_init__(self) -> None:
        if (self.share is None) == (self.half is None):
            raise SettingsError("occlusion: give a share of the crop to cover, or the half to keep")
        if self.share is not None and not 0 < self.share < 1:
            raise SettingsError(
                f"occlusion: the share to cover lies above 0 and below 1, found {self.share:g}"
            )

    @property
    def name(self) -> str:
        """In a few words."""
        return f"{self.share:.0%} covered" if self.share is not None else f"{self.half} half only"

    def hide(self, images: UInt8[Tensor, "b 3 h w"], paths: Sequence[str]) -> UInt8[Tensor, "b 3 h w"]:
        """New images; `paths` names each."""
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
        """A rectangle of any shape between a whole row and a whole column of the crop."""
        assert self.share is not None
        draw = np.random.default_rng([self.seed, zlib.crc32(path.encode("utf-8", "surrogateescape"))])
        tall = self.share ** draw.random()
        size = tall, self.share / tall
        height, width = (
            max(1, round(share * side)) for share, side in zip(size, image.shape[1:], strict=True)
        )
        top, left = (int(draw.integers(side - cover + 1)) for side, cover in
                     zip(image.shape[1:], (height, width), strict=True))  # fmt: skip
        color = torch.from_numpy(draw.integers(0, 256, 3).astype(np.uint8))
        image[:, top : top + height, left : left + width] = color[:, None, None].to(image.device)
