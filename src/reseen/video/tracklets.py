"""`TrackletCollector`: of every track, the few crops that are worth keeping.

From each window of time the sharpest crop stays. A track with more windows than wanted gets windows of twice the
length, so that its crops stay spread over all of it and memory is bounded however long it lasts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import simplejpeg

from reseen.optional_dependencies import require_package
from reseen.video.boxes import UNTRACKED, Boxes, Pixels, clipped, intersections
from reseen.video.frames import Frame
from reseen.video.settings import CropSettings, ImageSettings


@dataclass(frozen=True)
class TrackCrop:
    """One crop that is kept."""

    jpeg: bytes
    frame: int
    time: float
    """Seconds since the first frame of the source."""
    box: tuple[float, float, float, float]
    """Left, top, right and bottom in pixels of the frame, without padding."""
    score: float
    sharpness: float
    """Variance of the Laplacian of the gray crop (Pech-Pacheco et al. 2000), to be compared within a tracklet."""


@dataclass
class Tracklet:
    """A track that has ended, or has still to."""

    number: int
    """From 1, in the order of appearance."""
    first: float
    last: float
    """Times of its first and its latest box."""
    frames: int = 0
    """Frames with a box."""
    crops: list[TrackCrop] = field(default_factory=list)
    """In the order of time; at most one for each window."""
    window: float = 0.0
    """Seconds of a window."""

    def add(self, crop: TrackCrop, most: int) -> None:
        """Keep a crop, unless there is a sharper one in its window."""
        if self.crops and self._window_of(self.crops[-1]) == self._window_of(crop):
            if crop.sharpness > self.crops[-1].sharpness:
                self.crops[-1] = crop
            return
        self.crops.append(crop)
        while len(self.crops) > most:
            self.window *= 2
            best: dict[int, TrackCrop] = {}
            for kept in self.crops:
                place = self._window_of(kept)
                if place not in best or kept.sharpness > best[place].sharpness:
                    best[place] = kept
            self.crops = list(best.values())

    def wants(self, time: float, sharpness: float) -> bool:
        """Whether a crop of this sharpness would be kept for now."""
        if not self.crops:
            return True
        newest = self.crops[-1]
        return sharpness > newest.sharpness or int((time - self.first) / self.window) != self._window_of(
            newest
        )

    def _window_of(self, crop: TrackCrop) -> int:
        return int((crop.time - self.first) / self.window)


class TrackletCollector:
    """Collects the tracklets of one source, and gives each when it has ended."""

    def __init__(self, settings: CropSettings) -> None:
        self._settings = settings
        self._open: dict[int, Tracklet] = {}
        self._begun = 0
        self.short = 0
        """Tracklets of too few frames, which were dropped."""
        self.bare = 0
        """Tracklets without a crop that is large and free enough, which were dropped."""
        self._cv2: Any = require_package("cv2", "video")

    def add(self, frame: Frame, boxes: Boxes) -> Iterator[Tracklet]:
        """Take the tracked boxes of a frame; yields the tracklets that have ended before it."""
        ended = [
            track
            for track, tracklet in self._open.items()
            if frame.time - tracklet.last > self._settings.track.lost_seconds + 1e-6
        ]
        for track in ended:
            yield from self._end(self._open.pop(track))
        if boxes.tracks is None or not len(boxes):
            return
        usable, corners = self._usable(frame.pixels, boxes)
        for row, track in enumerate(boxes.tracks.tolist()):
            if track == UNTRACKED:
                continue
            tracklet = self._open.get(track)
            if tracklet is None:
                self._begun += 1
                tracklet = Tracklet(self._begun, frame.time, frame.time, window=self._settings.thin.seconds)
                self._open[track] = tracklet
            tracklet.last = frame.time
            tracklet.frames += 1
            if usable[row]:
                self._consider(tracklet, frame, corners[row], float(boxes.scores[row]))

    def finish(self) -> Iterator[Tracklet]:
        """The source has ended: yields all tracklets that were still open."""
        for track in list(self._open):
            yield from self._end(self._open.pop(track))

    def _end(self, tracklet: Tracklet) -> Iterator[Tracklet]:
        if tracklet.frames < self._settings.thin.fewest_frames:
            self.short += 1
        elif not tracklet.crops:
            self.bare += 1
        else:
            yield tracklet

    def _usable(self, pixels: Pixels, boxes: Boxes) -> tuple[np.ndarray, np.ndarray]:
        """Which boxes are large enough, whole and not covered by others; and the boxes, cut at the frame."""
        thin, (height, width) = self._settings.thin, pixels.shape[:2]
        corners = clipped(boxes.corners, height, width)
        sides = corners[:, 2:] - corners[:, :2]
        usable = (sides[:, 1] >= thin.height) & (sides[:, 0] >= 4)
        if thin.border:
            inside = (corners[:, :2] >= thin.border).all(axis=1)
            usable &= inside & (corners[:, 2:] <= np.array([width, height]) - thin.border).all(axis=1)
        shared = intersections(corners)
        areas = np.maximum(np.diag(shared).copy(), 1e-9)
        np.fill_diagonal(shared, 0)
        return usable & (shared.max(axis=1, initial=0) <= thin.overlap * areas), corners

    def _consider(self, tracklet: Tracklet, frame: Frame, box: np.ndarray, score: float) -> None:
        image = cut(frame.pixels, box, self._settings.image)
        sharpness = self._sharpness(image)
        if not tracklet.wants(frame.time, sharpness):
            return
        left, top, right, bottom = box.tolist()
        crop = TrackCrop(
            simplejpeg.encode_jpeg(image, quality=self._settings.image.quality, colorsubsampling="420"),
            frame.number, frame.time, (left, top, right, bottom), score, sharpness,
        )  # fmt: skip
        tracklet.add(crop, self._settings.thin.most)

    def _sharpness(self, image: Pixels) -> float:
        cv2 = self._cv2
        return float(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


def cut(pixels: Pixels, box: np.ndarray, settings: ImageSettings) -> Pixels:
    """The crop of a box, with its padding; what lies outside of the frame is cut off, or black."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = box.tolist()
    across, up = settings.padding * (right - left), settings.padding * (bottom - top)
    x0, y0, x1, y1 = round(left - across), round(top - up), round(right + across), round(bottom + up)
    inner = pixels[max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
    if settings.outside == "cut":
        return np.ascontiguousarray(inner)
    image = np.zeros((y1 - y0, x1 - x0, 3), dtype=np.uint8)
    top_gap, left_gap = max(-y0, 0), max(-x0, 0)
    image[top_gap : top_gap + inner.shape[0], left_gap : left_gap + inner.shape[1]] = inner
    return image
