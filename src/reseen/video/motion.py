"""`MotionDetector`: detects people by motion in front of a fixed camera. It needs no weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from reseen.optional_dependencies import require_package
from reseen.video.boxes import Boxes, Pixels, no_boxes
from reseen.video.settings import MotionSettings

_FOREGROUND = 255
"""OpenCV's value for foreground pixels; shadows have another."""

_TOUCHING = 0.6
"""Minimum horizontal overlap, as a fraction of the narrower of two boxes above each other, to merge them."""


class MotionDetector:
    """Background subtraction by a mixture of Gaussians for every pixel (Zivkovic 2004, OpenCV's MOG2).

    Small foreground regions are removed, and regions above each other are merged. Boxes are kept if their height and
    aspect ratio fit a person. The score is the fraction of foreground pixels in the box. People who stand still for
    longer than the memory are not detected, cars and dogs with a person's aspect ratio are, and two people side by side
    are one.
    """

    has_confidence = False

    def __init__(self, settings: MotionSettings, rate: float) -> None:
        """Create the background model; `rate` is the number of processed frames per second.

        Raises:
            SettingsError: OpenCV is not installed.
        """
        cv2: Any = require_package("cv2", "video")
        self._cv2, self._settings = cv2, settings
        self._memory = max(2, round(settings.memory_seconds * rate))
        self._model = cv2.createBackgroundSubtractorMOG2(self._memory, settings.threshold, True)

    def prepare(self, sample: Sequence[Pixels]) -> None:
        """Learn the background from frames of the whole source, so that people in the first frame are no part of it."""
        self._model = self._cv2.createBackgroundSubtractorMOG2(self._memory, self._settings.threshold, True)
        for count, pixels in enumerate(sample, start=1):
            self._model.apply(self._reduced(pixels), learningRate=1 / count)

    def detect(self, pixels: Pixels, number: int) -> Boxes:  # noqa: ARG002
        """Boxes of moving people in a frame; `number` is not used."""
        cv2 = self._cv2
        small = self._reduced(pixels)
        mask = (self._model.apply(small) == _FOREGROUND).astype(np.uint8)
        height, width = mask.shape
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
        kernel = max(3, round(height * 0.03))
        closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((kernel, max(3, kernel // 3)), np.uint8))
        _, _, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
        corners = stats[1:, [0, 1, 0, 1]].astype(np.float64)
        corners[:, 2:] += stats[1:, 2:4]
        too_small = (stats[1:, 4] < (0.15 * self._settings.smallest * height) ** 2) if len(stats) > 1 else []
        corners = _merge_parts(corners[~np.asarray(too_small, dtype=bool)], 0.04 * height)
        corners = corners[self._has_person_shape(corners, height)]
        if not len(corners):
            return no_boxes()
        moved = np.pad(mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        x0, y0, x1, y1 = corners.astype(np.int64).T
        share = (moved[y1, x1] - moved[y0, x1] - moved[y1, x0] + moved[y0, x0]) / ((y1 - y0) * (x1 - x0))
        scale = np.array([pixels.shape[1] / width, pixels.shape[0] / height] * 2)
        return Boxes(corners * scale, share.astype(np.float64))

    def _reduced(self, pixels: Pixels) -> Pixels:
        height, width = pixels.shape[:2]
        target = min(self._settings.work_height, height)
        size = (max(1, round(width * target / height)), target)
        small = (
            pixels if target == height else self._cv2.resize(pixels, size, interpolation=self._cv2.INTER_AREA)
        )
        return self._cv2.GaussianBlur(small, (3, 3), 0)

    def _has_person_shape(self, corners: Float64[np.ndarray, "n 4"], height: int) -> np.ndarray:
        box_height = corners[:, 3] - corners[:, 1]
        ratio = box_height / np.maximum(corners[:, 2] - corners[:, 0], 1)
        settings = self._settings
        return (
            (box_height >= settings.smallest * height)
            & (settings.widest <= ratio)
            & (ratio <= settings.slimmest)
        )


def _merge_parts(corners: Float64[np.ndarray, "n 4"], gap: float) -> Float64[np.ndarray, "m 4"]:
    """Merge boxes above each other, at most `gap` pixels apart, until no more can be merged."""
    boxes = [box for box in corners.tolist() if box[2] > box[0] and box[3] > box[1]]
    index = 0
    while index < len(boxes):
        box = boxes[index]
        other = next(
            (i for i in range(len(boxes)) if i != index and _is_one_person(box, boxes[i], gap)), None
        )
        if other is None:
            index += 1
            continue
        second = boxes[other]
        boxes[index] = [*map(min, box[:2], second[:2]), *map(max, box[2:], second[2:])]
        del boxes[other]
        index = 0
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def _is_one_person(first: list[float], second: list[float], gap: float) -> bool:
    overlap = min(first[2], second[2]) - max(first[0], second[0])
    distance = max(first[1], second[1]) - min(first[3], second[3])
    return overlap >= _TOUCHING * min(first[2] - first[0], second[2] - second[0]) and distance <= gap
