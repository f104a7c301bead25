"""Tracking: `Tracker` links boxes of consecutive frames, `VideoPass` turns an open video into tracklets."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reseen.optional_dependencies import require_package
from reseen.video.boxes import UNTRACKED, Boxes, Pixels, clipped, drop_duplicates
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
_NEEDS_FRAMES = {"botsort"}
"""Trackers that compensate camera motion, and therefore need the frames."""


class Tracker:
    """Assigns track numbers to the boxes of one source.

    The trackers are those of https://github.com/roboflow/trackers (Apache-2.0), with ByteTrack (Zhang et al. 2022) as
    the default. They receive the time of each frame, so variable frame rates are supported.
    """

    def __init__(self, settings: TrackSettings, rate: float, has_confidence: bool) -> None:
        """Start without tracks.

        Args:
            settings: the tracker, and when a track starts and ends.
            rate: processed frames per second.
            has_confidence: whether scores are confidences; otherwise all boxes are treated as certain.

        Raises:
            SettingsError: the package is not installed.
        """
        trackers: Any = require_package("trackers", "video")
        self._supervision: Any = require_package("supervision", "video")
        self._has_confidence, self._needs_frames = has_confidence, settings.by in _NEEDS_FRAMES
        self._tracker: Any = getattr(trackers, _CLASSES[settings.by])(
            # documented as a number of frames at 30 frames per second
            lost_track_buffer=max(1, round(settings.lost_seconds * 30)),
            frame_rate=rate,
            minimum_consecutive_frames=settings.first_frames,
        )

    def update(self, boxes: Boxes, pixels: Pixels, time: float) -> Boxes:
        """Track the boxes of the next frame.

        Args:
            boxes: boxes of the frame.
            pixels: the frame.
            time: time of the frame in seconds, which must increase from call to call.

        Returns:
            The boxes that belong to a track, with track numbers.
        """
        detections = self._supervision.Detections(
            xyxy=boxes.corners.astype(np.float32),
            confidence=boxes.scores.astype(np.float32)
            if self._has_confidence
            else np.ones(len(boxes), np.float32),
            class_id=np.zeros(len(boxes), dtype=int),
            data={"row": np.arange(len(boxes))},
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = np.ascontiguousarray(pixels[..., ::-1]) if self._needs_frames else None
            tracked = self._tracker.update(detections, frame=frame, timestamp=time)
        if not len(tracked):
            return Boxes(np.zeros((0, 4)), np.zeros(0), np.zeros(0, dtype=np.int64))
        numbers = np.asarray(tracked.tracker_id, dtype=np.int64)
        is_tracked = numbers != UNTRACKED
        rows = np.asarray(tracked.data["row"], dtype=np.int64)[is_tracked]
        return Boxes(boxes.corners[rows], boxes.scores[rows], numbers[is_tracked])


@dataclass
class VideoPass:
    """One pass through an open video, which detects, tracks and collects tracklets. The counts are those so far."""

    video: Video
    settings: CropSettings
    most_seconds: float | None = None
    """Maximum duration in seconds of the video; None for all."""
    frames: int = 0
    """Number of processed frames."""
    position: int = 0
    """Position in the video: number of frames so far, counting skipped ones."""
    seconds: float = 0.0
    """Time of the latest frame in seconds since the first."""
    boxes: int = 0
    """Number of detected boxes."""
    width: int = 0
    """Pixels of the latest frame; 0 before the first, as is the height."""
    height: int = 0
    collector: TrackletCollector = field(init=False)

    def __post_init__(self) -> None:
        self.collector = TrackletCollector(self.settings)

    def tracklets(self) -> Iterator[Tracklet]:
        """Yield tracklets as they end; call `collector.finish` for those that are open at the end.

        Raises:
            VideoError: no frame can be decoded.
            DataError: a file of boxes belongs to another video.
            WeightsError: a detection network cannot be used.
            SettingsError: a package is missing.
        """
        settings, video = self.settings, self.video
        every = 0.0 if settings.frame_rate is None else 1 / settings.frame_rate
        rate = video.rate if settings.frame_rate is None else min(settings.frame_rate, video.rate)
        detector = build_detector(settings, video)
        needs_sample = settings.detector == "motion"
        detector.prepare(spread_frames(video.source, settings.image_rate, SAMPLE) if needs_sample else [])
        tracker = Tracker(settings.track, rate, detector.has_confidence)
        for frame in video.read(every):
            if self.most_seconds is not None and frame.time >= self.most_seconds:
                break
            boxes = detector.detect(frame.pixels, frame.number)
            self.height, self.width = frame.pixels.shape[:2]
            self.frames, self.position, self.seconds = self.frames + 1, frame.number + 1, frame.time
            self.boxes += len(boxes)
            if boxes.tracks is None:
                inside = clipped(boxes.corners, *frame.pixels.shape[:2])
                boxes = boxes.select(np.asarray((inside[:, 2:] - inside[:, :2] > 1).all(axis=1)))
                boxes = drop_duplicates(boxes, settings.double, detector.has_confidence)
                boxes = tracker.update(boxes, frame.pixels, frame.time)
            yield from self.collector.add(frame, boxes)
