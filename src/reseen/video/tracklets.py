"""`TrackletCollector`: collects the best crops of every track.

The sharpest crop of each time window is kept. If a track has too many windows, their length is doubled, so the crops
cover the whole track and memory is bounded.
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
    """One crop of a tracklet."""

    jpeg: bytes
    frame: int
    time: float
    """Seconds since the first frame of the source."""
    box: tuple[float, float, float, float]
    """Left, top, right and bottom in pixels of the frame, without padding."""
    score: float
    sharpness: float
    """Variance of the Laplacian of the gray crop (Pech-Pacheco et al. 2000), comparable within a tracklet only."""


@dataclass
class Tracklet:
    """A track with its selected crops; it may not have ended yet."""

    number: int
    """Number within the source, from 1, in the order of appearance."""
    first: float
    last: float
    """Times of the first and the latest box, in seconds since the first frame of the source."""
    frames: int = 0
    """Number of frames with a box."""
    crops: list[TrackCrop] = field(default_factory=list)
    """Crops in temporal order, at most one per window."""
    window: float = 0.0
    """Length of a window in seconds."""

    def add(self, crop: TrackCrop, most: int) -> None:
        """Add a crop unless its window has a sharper one; windows are doubled if there are more than `most` crops."""
        if self.crops and self._window_of(self.crops[-1]) == self._window_of(crop):
            if crop.sharpness > self.crops[-1].sharpness:
                self.crops[-1] = crop
            return
        self.crops.append(crop)
        while len(self.crops) > most:
            self.window *= 2
            best: dict[int, TrackCrop] = {}
            for kept in self.crops:
                index = self._window_of(kept)
                if index not in best or kept.sharpness > best[index].sharpness:
                    best[index] = kept
            self.crops = list(best.values())

    def wants(self, time: float, sharpness: float) -> bool:
        """Whether `add` would keep a crop of this time and sharpness."""
        if not self.crops:
            return True
        newest = self.crops[-1]
        return sharpness > newest.sharpness or int((time - self.first) / self.window) != self._window_of(
            newest
        )

    def _window_of(self, crop: TrackCrop) -> int:
        return int((crop.time - self.first) / self.window)


class TrackletCollector:
    """Collects the tracklets of one source, and returns each when it has ended."""

    def __init__(self, settings: CropSettings) -> None:
        self._settings = settings
        self._open: dict[int, Tracklet] = {}
        self._count = 0
        self.too_short = 0
        """Number of tracklets dropped because they have too few frames."""
        self.without_crop = 0
        """Number of tracklets dropped because no crop is large enough and unobstructed."""
        self._cv2: Any = require_package("cv2", "video")

    def add(self, frame: Frame, boxes: Boxes) -> Iterator[Tracklet]:
        """Add the tracked boxes of a frame; yields the tracklets that ended before it."""
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
                self._count += 1
                tracklet = Tracklet(self._count, frame.time, frame.time, window=self._settings.thin.seconds)
                self._open[track] = tracklet
            tracklet.last = frame.time
            tracklet.frames += 1
            if usable[row]:
                self._consider(tracklet, frame, corners[row], float(boxes.scores[row]))

    def finish(self) -> Iterator[Tracklet]:
        """Yield all open tracklets, at the end of the source."""
        for track in list(self._open):
            yield from self._end(self._open.pop(track))

    def _end(self, tracklet: Tracklet) -> Iterator[Tracklet]:
        if tracklet.frames < self._settings.thin.fewest_frames:
            self.too_short += 1
        elif not tracklet.crops:
            self.without_crop += 1
        else:
            yield tracklet

    def _usable(self, pixels: Pixels, boxes: Boxes) -> tuple[np.ndarray, np.ndarray]:
        """A mask of boxes that are large enough, complete and unobstructed; and the corners clipped to the frame."""
        thin, (height, width) = self._settings.thin, pixels.shape[:2]
        corners = clipped(boxes.corners, height, width)
        sides = corners[:, 2:] - corners[:, :2]
        usable = (sides[:, 1] >= thin.height) & (sides[:, 0] >= 4)
        if thin.border:
            inside = (corners[:, :2] >= thin.border).all(axis=1)
            usable &= inside & (corners[:, 2:] <= np.array([width, height]) - thin.border).all(axis=1)
        overlap = intersections(corners)
        areas = np.maximum(np.diag(overlap).copy(), 1e-9)
        np.fill_diagonal(overlap, 0)
        return usable & (overlap.max(axis=1, initial=0) <= thin.overlap * areas), corners

    def _consider(self, tracklet: Tracklet, frame: Frame, box: np.ndarray, score: float) -> None:
        image = crop_box(frame.pixels, box, self._settings.image)
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


def crop_box(pixels: Pixels, box: np.ndarray, settings: ImageSettings) -> Pixels:
    """Crop a box with its padding; the part outside of the frame is cut off, or black (`settings.outside`)."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = box.tolist()
    pad_x, pad_y = settings.padding * (right - left), settings.padding * (bottom - top)
    x0, y0, x1, y1 = round(left - pad_x), round(top - pad_y), round(right + pad_x), round(bottom + pad_y)
    inner = pixels[max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
    if settings.outside == "cut":
        return np.ascontiguousarray(inner)
    image = np.zeros((y1 - y0, x1 - x0, 3), dtype=np.uint8)
    top_gap, left_gap = max(-y0, 0), max(-x0, 0)
    image[top_gap : top_gap + inner.shape[0], left_gap : left_gap + inner.shape[1]] = inner
    return image
