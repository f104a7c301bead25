"""`Tracker`: boxes of following frames joined into tracks, by the package `trackers`."""

import warnings
from typing import Any

import numpy as np

from reseen.optional_dependencies import require_package
from reseen.video.boxes import UNTRACKED, Boxes, Pixels
from reseen.video.settings import TrackSettings

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
