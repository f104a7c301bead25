"""Frames of an open video to its tracklets: detect, track, collect.

`Tracker` joins boxes of consecutive frames into tracks, by the package `trackers`.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reseen.optional_dependencies import require_package
from reseen.video.boxes import UNTRACKED, Boxes, Pixels, clipped, without_doubles
from reseen.video.detector import SAMPLE, build_detector
from reseen.video.frames import Video, spread_frames
from reseen.video.settings import CropSettings, TrackSettings
from reseen.video.tracklets import Tracklet, TrackletCollector

_CLASSES = {
    "bytetrack": "ByteTrackTracker",
    "sort": "SORTTracker",
    "ocsort": "OCSORTTracker",
    "botsort": "BoTSORTTracker",
    "cbiou": "CBIoUTracker",
}
_SEES_FRAMES = {"botsort"}
"""Trackers that follow the camera's own motion, and therefore look at the frames."""


class Tracker:
    """Gives boxes of one source the numbers of their tracks.

    The trackers are those of https://github.com/roboflow/trackers (Apache-2.0), with ByteTrack (Zhang et al. 2022) as
    the default. Times are passed on, so that a variable frame rate is no fault.
    """

    def __init__(self, settings: TrackSettings, rate: float, scored: bool) -> None:
        """Begin without tracks.

        Args:
            settings: which tracker, and when a track begins and ends.
            rate: frames per second that will be looked at.
            scored: whether scores tell sure boxes from doubtful ones; otherwise all are sure.

        Raises:
            SettingsError: the package is not installed.
        """
        trackers: Any = require_package("trackers", "video")
        self._supervision: Any = require_package("supervision", "video")
        self._scored, self._sees_frames = scored, settings.by in _SEES_FRAMES
        self._tracker: Any = getattr(trackers, _CLASSES[settings.by])(
            lost_track_buffer=max(
                1, round(settings.lost_seconds * 30)
            ),  # in frames at 30 per second, by its own words
            frame_rate=rate,
            minimum_consecutive_frames=settings.first_frames,
        )

    def update(self, boxes: Boxes, pixels: Pixels, time: float) -> Boxes:
        """The boxes of a frame that are in a track, with its number; `time` in seconds must grow from call to call."""
        found = self._supervision.Detections(
            xyxy=boxes.corners.astype(np.float32),
            confidence=boxes.scores.astype(np.float32) if self._scored else np.ones(len(boxes), np.float32),
            class_id=np.zeros(len(boxes), dtype=int),
            data={"row": np.arange(len(boxes))},
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = np.ascontiguousarray(pixels[..., ::-1]) if self._sees_frames else None
            tracked = self._tracker.update(found, frame=frame, timestamp=time)
        if not len(tracked):
            return Boxes(np.zeros((0, 4)), np.zeros(0), np.zeros(0, dtype=np.int64))
        numbers = np.asarray(tracked.tracker_id, dtype=np.int64)
        mine = numbers != UNTRACKED
        rows = np.asarray(tracked.data["row"], dtype=np.int64)[mine]
        return Boxes(boxes.corners[rows], boxes.scores[rows], numbers[mine])


@dataclass
class Following:
    """One pass through a video. `tracklets` is used up once; the numbers are those so far."""

    video: Video
    settings: CropSettings
    most_seconds: float | None = None
    """Seconds of the video after which it ends; None for all."""
    frames: int = 0
    """Frames that were looked at."""
    position: int = 0
    """Frames that were passed, those that were left out counted."""
    seconds: float = 0.0
    """Time of the latest frame since the first."""
    boxes: int = 0
    """Boxes that the detector found."""
    collector: TrackletCollector = field(init=False)

    def __post_init__(self) -> None:
        self.collector = TrackletCollector(self.settings)

    def tracklets(self) -> Iterator[Tracklet]:
        """Yield tracklets as they end; the last ones come from `collector.finish`.

        Raises:
            DataError: no frame can be decoded, or a file of boxes is of another video.
            WeightsError: a network does not fit.
            SettingsError: a package is missing.
        """
        settings, video = self.settings, self.video
        every = 0.0 if settings.frame_rate is None else 1 / settings.frame_rate
        rate = video.rate if settings.frame_rate is None else min(settings.frame_rate, video.rate)
        detector = build_detector(settings, video)
        wants_sample = settings.detector == "motion"
        detector.begin(spread_frames(video.source, settings.image_rate, SAMPLE) if wants_sample else [])
        tracker = Tracker(settings.track, rate, detector.scored)
        for frame in video.read(every):
            if self.most_seconds is not None and frame.time >= self.most_seconds:
                break
            boxes = detector.detect(frame.pixels, frame.number)
            self.frames, self.position, self.seconds = self.frames + 1, frame.number + 1, frame.time
            self.boxes += len(boxes)
            if boxes.tracks is None:
                inside = clipped(boxes.corners, *frame.pixels.shape[:2])
                boxes = boxes.select(np.asarray((inside[:, 2:] - inside[:, :2] > 1).all(axis=1)))
                boxes = without_doubles(boxes, settings.double, detector.scored)
                boxes = tracker.update(boxes, frame.pixels, frame.time)
            yield from self.collector.add(frame, boxes)
