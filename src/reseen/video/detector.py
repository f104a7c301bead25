"""The interface of a detector, and the selection of one by settings."""

from collections.abc import Sequence
from typing import Protocol

from reseen.errors import SettingsError
from reseen.video.boxes import Boxes, Pixels
from reseen.video.detection_files import FileDetector
from reseen.video.frames import Video
from reseen.video.motion import MotionDetector
from reseen.video.onnx_detector import OnnxDetector
from reseen.video.rfdetr_detector import RfdetrDetector
from reseen.video.settings import CropSettings
from reseen.video.torchvision_detector import TorchvisionDetector

SAMPLE = 24
"""Maximum number of sample frames that a detector is prepared with."""


class Detector(Protocol):
    """Detects people in the frames of one source, in temporal order."""

    has_confidence: bool
    """Whether scores are confidences; a tracker then treats boxes of high and low confidence differently."""

    def prepare(self, sample: Sequence[Pixels]) -> None:
        """Prepare for a source; `sample` has frames from all of it, and is empty for a stream."""
        ...

    def detect(self, pixels: Pixels, number: int) -> Boxes:
        """The boxes of people in frame `number` (from 0), with tracks if the detector has them."""
        ...


def build_detector(settings: CropSettings, video: Video) -> Detector:
    """Create the detector selected by the settings, for one source.

    Raises:
        SettingsError: a required file or package is missing.
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
    if settings.detector == "rfdetr":
        return RfdetrDetector(settings.rfdetr, settings.score)
    if settings.detections is None:
        raise SettingsError("detector: file needs --detections FILE, with the boxes of every frame")
    return FileDetector(settings.detections, video.source, video.count, settings.score)
