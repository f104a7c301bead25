"""`Boxes`: bounding boxes of people in one frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, UInt8

Pixels = UInt8[np.ndarray, "h w 3"]
"""An RGB frame, 0 to 255."""

UNTRACKED = -1
"""Track number of a box without a track."""


@dataclass(frozen=True)
class Boxes:
    """The n boxes of one frame, in pixels from its upper left corner.

    Raises:
        ValueError: the arrays have different lengths.
    """

    corners: Float64[np.ndarray, "n 4"]
    """Left, top, right and bottom of each box."""
    scores: Float64[np.ndarray, " n"]
    """Score of each box, 0 to 1; its meaning depends on the detector."""
    tracks: Int64[np.ndarray, " n"] | None = None
    """Track number of each box, `UNTRACKED` for none; None before tracking."""

    def __post_init__(self) -> None:
        lengths = {len(self.corners), len(self.scores), *(() if self.tracks is None else (len(self.tracks),))}
        if len(lengths) != 1 or self.corners.shape[1:] != (4,):
            raise ValueError(
                f"boxes need four coordinates, a score and a track each, got corners of {self.corners.shape}"
            )

    def __len__(self) -> int:
        return len(self.corners)

    def select(self, rows: Sequence[int] | np.ndarray) -> "Boxes":
        """The boxes of `rows` (indices or a mask), in that order."""
        index = np.asarray(rows, dtype=bool if np.asarray(rows).dtype == bool else np.int64)
        return Boxes(
            self.corners[index], self.scores[index], None if self.tracks is None else self.tracks[index]
        )


def no_boxes() -> Boxes:
    """Empty `Boxes`."""
    return Boxes(np.zeros((0, 4)), np.zeros(0))


def clipped(corners: Float64[np.ndarray, "n 4"], height: int, width: int) -> Float64[np.ndarray, "n 4"]:
    """Corners of boxes, clipped to the frame."""
    return np.clip(corners, 0, np.array([width, height, width, height], dtype=np.float64))


def intersections(corners: Float64[np.ndarray, "n 4"]) -> Float64[np.ndarray, "n n"]:
    """Intersection of every pair of boxes in square pixels; the diagonal holds the area of each."""
    low = np.maximum(corners[:, None, :2], corners[None, :, :2])
    high = np.minimum(corners[:, None, 2:], corners[None, :, 2:])
    return np.prod(np.maximum(high - low, 0), axis=2)


def drop_duplicates(boxes: Boxes, share: float, has_confidence: bool) -> Boxes:
    """Non-maximum suppression by intersection over the smaller area.

    Unlike suppression by intersection over union, this also removes the box of a part, such as the legs, inside the box
    of the whole person.

    Args:
        boxes: boxes of one frame.
        share: overlap, 0 to 1, from which the worse of two boxes is dropped.
        has_confidence: whether the box with the higher score is better; otherwise the larger one is.

    Returns:
        The remaining boxes, best first.
    """
    areas = np.prod(boxes.corners[:, 2:] - boxes.corners[:, :2], axis=1)
    order = np.lexsort((-areas, -boxes.scores)) if has_confidence else np.lexsort((-boxes.scores, -areas))
    overlap = intersections(boxes.corners)
    kept: list[int] = []
    for row in order.tolist():
        if areas[row] > 0 and all(
            overlap[row, other] < share * min(areas[row], areas[other]) for other in kept
        ):
            kept.append(row)
    return boxes.select(np.array(kept, dtype=np.int64))
