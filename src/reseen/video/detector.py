"""What every detector answers, and which one the settings name."""

from collections.abc import Sequence
from typing import Protocol

from reseen.errors import SettingsError
from reseen.video.boxes import Boxes, Pixels
from reseen.video.detection_files import FileDetector
from reseen.video.frames import Video
from reseen.video.motion import MotionDetector
from reseen.video.onnx_detector import OnnxDetector
from reseen.video.settings import CropSettings
from reseen.video.torchvision_detector import TorchvisionDetector

SAMPLE = 24
"""Frames of a source that a detector may see before the first."""


class Detector(Protocol):
    """Finds people in the frames of one source, which are given in their order."""

    scored: bool
    """Whether scores tell how sure it is; a tracker then tells sure boxes from doubtful ones."""

    def begin(self, sample: Sequence[Pixels]) -> None:
        """Prepare for a source; `sample` holds frames spread over it, none of a stream."""
        ...

    def detect(self, pixels: Pixels, number: int) -> Boxes:
        """The boxes of people in frame `number` (from 0), with tracks where it knows them."""
        ...


def build_detector(settings: CropSettings, video: Video) -> Detector:
    """The detector that the settings name, for one source.

    Raises:
        SettingsError: a file or package that it needs is missing.
        DataError: a file of boxes cannot be read.
        WeightsError: a network cannot be used.
    """
    rate = min(settings.frame_rate or video.rate, video.rate)
    if settings.detector == "motion":
        return MotionDetector(settings.motion, rate)
    if settings.detector == "onnx":
        return OnnxDetector(settings.onnx, settings.score)
    if settings.detector == "torchvision":
        return TorchvisionDetector(settings.torchvision, settings.score)
    if settings.detections is None:
        raise SettingsError("detector: file needs --detections FILE, with the boxes of every frame")
    return FileDetector(settings.detections, video.source, video.count, settings.score)
