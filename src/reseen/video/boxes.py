"""`Boxes`: where people are in one frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, UInt8

Pixels = UInt8[np.ndarray, "h w 3"]
"""An RGB frame, 0 to 255."""

UNTRACKED = -1
"""The track of a box that belongs to none."""


@dataclass(frozen=True)
class Boxes:
    """The boxes of one frame, in pixels from its upper left corner.

    Raises:
        ValueError: the arrays have different lengths.
    """

    corners: Float64[np.ndarray, "n 4"]
    """Left, top, right and bottom of each box."""
    scores: Float64[np.ndarray, " n"]
    """How much a person each is, 0 to 1; what it means is the detector's own."""
    tracks: Int64[np.ndarray, " n"] | None = None
    """The number of each box's track, `UNTRACKED` for none; None where nothing was tracked yet."""

    def __post_init__(self) -> None:
        lengths = {len(self.corners), len(self.scores), *(() if self.tracks is None else (len(self.tracks),))}
        if len(lengths) != 1 or self.corners.shape[1:] != (4,):
            raise ValueError(f"boxes need four corners, a score and a track each, got {self.corners.shape}")

    def __len__(self) -> int:
        return len(self.corners)

    def select(self, rows: Sequence[int] | np.ndarray) -> "Boxes":
        """The boxes of `rows` (indices or a mask), in that order."""
        index = np.asarray(rows, dtype=bool if np.asarray(rows).dtype == bool else np.int64)
        return Boxes(
            self.corners[index], self.scores[index], None if self.tracks is None else self.tracks[index]
        )


def no_boxes() -> Boxes:
    """The boxes of a frame without people."""
    return Boxes(np.zeros((0, 4)), np.zeros(0))


def clipped(corners: Float64[np.ndarray, "n 4"], height: int, width: int) -> Float64[np.ndarray, "n 4"]:
    """Boxes cut at the borders of a frame."""
    return np.clip(corners, 0, np.array([width, height, width, height], dtype=np.float64))


def intersections(corners: Float64[np.ndarray, "n 4"]) -> Float64[np.ndarray, "n n"]:
    """Area shared by every two boxes, in square pixels; on the diagonal the area of each."""
    low = np.maximum(corners[:, None, :2], corners[None, :, :2])
    high = np.minimum(corners[:, None, 2:], corners[None, :, 2:])
    return np.prod(np.maximum(high - low, 0), axis=2)


def without_doubles(boxes: Boxes, share: float, scored: bool) -> Boxes:
    """Boxes without those of which a better one covers at least `share` (0 to 1), or that cover so much of it.

    A better box has a higher score where boxes are `scored`, and is larger otherwise. The best come first. Unlike
    suppression by intersection over union, this also removes the box of a part, such as of the legs, inside that of the
    whole.
    """
    areas = np.prod(boxes.corners[:, 2:] - boxes.corners[:, :2], axis=1)
    order = np.lexsort((-areas, -boxes.scores)) if scored else np.lexsort((-boxes.scores, -areas))
    shared = intersections(boxes.corners)
    kept: list[int] = []
    for row in order.tolist():
        if areas[row] > 0 and all(
            shared[row, other] < share * min(areas[row], areas[other]) for other in kept
        ):
            kept.append(row)
    return boxes.select(np.array(kept, dtype=np.int64))
