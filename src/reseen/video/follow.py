"""Frames of an open video to its tracklets: detect, track, collect."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from reseen.video.boxes import clipped, without_doubles
from reseen.video.detector import SAMPLE, build_detector
from reseen.video.frames import Video, spread_frames
from reseen.video.settings import CropSettings
from reseen.video.tracker import Tracker
from reseen.video.tracklets import Tracklet, TrackletCollector


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
