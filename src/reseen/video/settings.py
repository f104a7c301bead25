"""`CropSettings`: settings of detection, tracking and selection of crops in videos."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from reseen.conditions import When
from reseen.config import Settings, check_effect, parse_flags
from reseen.video.onnx_heads import Head

Share = Annotated[float, Field(ge=0, le=1)]


class MotionSettings(Settings):
    """Detection by background subtraction: what moves in front of a fixed camera and has the shape of a person."""

    threshold: Annotated[float, Field(gt=0)] = 16.0
    """Squared distance of a pixel from the background model, in variances of the model, above which it has moved."""

    memory_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Seconds after which something that does not move becomes background."""

    smallest: Annotated[float, Field(gt=0, le=1)] = 0.06
    """Minimum height of a box, as a fraction of the frame's height."""

    slimmest: Annotated[float, Field(gt=0)] = 4.5
    """Maximum height of a box divided by its width."""

    widest: Annotated[float, Field(gt=0)] = 1.1
    """Minimum height of a box divided by its width; two people side by side may be below it."""

    work_height: Annotated[int, Field(ge=48, le=2160)] = 360
    """Height in pixels at which motion is detected; larger frames are downscaled."""


class OnnxSettings(Settings):
    """Detection by a network in an ONNX file."""

    file: Path | None = None
    """The file."""

    head: Head = "auto"
    """Format of the outputs; `auto` detects it by their number and shapes. `final`: boxes that need no suppression."""

    person: Annotated[int, Field(ge=0)] = 0
    """Index of the class `person` in the outputs: 0 with COCO's 80 classes, 1 if classes are counted from 1."""

    pixels: Literal["unit", "imagenet", "bytes"] = "unit"
    """Range of the input: 0 to 1, normalized with ImageNet's mean and standard deviation, or 0 to 255."""

    channels: Literal["rgb", "bgr"] = "rgb"
    """Order of the input's channels."""

    resize: Literal["letterbox", "stretch"] = "letterbox"
    """How a frame is resized to the input: with gray padding, or stretched."""

    size: Annotated[int, Field(ge=32, le=4096)] | None = None
    """Height and width of the input in pixels; only for a file without a fixed size."""


class TorchvisionSettings(Settings):
    """Detection by a network of torchvision."""

    name: str = "fasterrcnn_mobilenet_v3_large_320_fpn"
    """Name of the network in torchvision."""

    weights: Path | None = None
    """Safetensors file of its weights; null: torchvision's weights, downloaded on first use."""

    person: Annotated[int, Field(ge=0)] = 1
    """Index of the class `person`; 1 in torchvision's weights."""


class RfdetrSettings(Settings):
    """Detection by RF-DETR."""

    name: Literal["nano", "small", "medium", "large"] = "nano"
    """Size of the network."""

    weights: Path | None = None
    """Safetensors file of its weights; null: the published weights, downloaded on first use."""

    person: Annotated[int, Field(ge=0)] = 1
    """Index of the class `person`; 1 in the published weights, counted from 0 in fine-tuned ones."""


class TrackSettings(Settings):
    """How boxes are linked to tracklets."""

    by: Literal["bytetrack", "sort", "ocsort", "botsort", "cbiou"] = "bytetrack"
    """The tracker, from the package `trackers`."""

    lost_seconds: Annotated[float, Field(gt=0, le=60)] = 1.0
    """Seconds without a box after which a tracklet ends."""

    first_frames: Annotated[int, Field(ge=1, le=100)] = 3
    """Number of consecutive frames with a box that start a tracklet."""


class ThinSettings(Settings):
    """Which crops of a tracklet are kept."""

    seconds: Annotated[float, Field(gt=0)] = 0.5
    """Length of a time window in seconds; the sharpest crop of each is kept."""

    most: Annotated[int, Field(ge=2, le=10_000)] = 40
    """Maximum number of crops of a tracklet; the windows of longer tracklets are doubled until they fit."""

    fewest_frames: Annotated[int, Field(ge=1)] = 5
    """Minimum number of frames with a box; shorter tracklets are dropped."""

    height: Annotated[int, Field(ge=8)] = 48
    """Minimum height of a box in pixels; smaller ones are not cropped."""

    overlap: Share = 0.4
    """Maximum fraction of a box, 0 to 1, that another person's box covers; others are not cropped."""

    border: Annotated[int, Field(ge=0)] = 2
    """Minimum distance of a box from the border of the frame in pixels, because people there are truncated; others are
    not cropped. 0 crops all."""


class ImageSettings(Settings):
    """Padding and encoding of the crops."""

    padding: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Padding on every side of a box, as a fraction of its width and height."""

    outside: Literal["cut", "black"] = "cut"
    """The part of a crop outside of the frame: cut off, or filled with black."""

    quality: Annotated[int, Field(ge=1, le=100)] = 92
    """JPEG quality."""


class CropSettings(Settings):
    """Settings of `reseen crop` and `reseen watch`: detection, tracking and selection of crops."""

    detector: Literal["motion", "onnx", "torchvision", "rfdetr", "file"] = "motion"
    """The detector: motion in front of a fixed camera, a network, or a file of boxes."""

    detections: Annotated[Path | None, When(detector="file")] = None
    """File of boxes or tracks, or a folder with a file for every source, named after it."""

    score: Annotated[Share, When(detector=("onnx", "torchvision", "rfdetr", "file"))] = 0.4
    """Boxes with a lower score are dropped, 0 to 1."""

    double: Share = 0.8
    """Overlap of two boxes, as a fraction of the smaller one, from which the worse box is dropped as a duplicate."""

    frame_rate: Annotated[float, Field(gt=0)] | None = None
    """Frames per second to process; null: all."""

    image_rate: Annotated[float, Field(gt=0)] = 25.0
    """Frames per second of a folder of frames."""

    motion: Annotated[MotionSettings, When(detector="motion")] = MotionSettings()
    """Detection by motion."""

    onnx: Annotated[OnnxSettings, When(detector="onnx")] = OnnxSettings()
    """Detection by an ONNX file."""

    torchvision: Annotated[TorchvisionSettings, When(detector="torchvision")] = TorchvisionSettings()
    """Detection by torchvision."""

    rfdetr: Annotated[RfdetrSettings, When(detector="rfdetr")] = RfdetrSettings()
    """Detection by RF-DETR."""

    track: TrackSettings = TrackSettings()
    """Tracking."""

    thin: ThinSettings = ThinSettings()
    """Selection of crops."""

    image: ImageSettings = ImageSettings()
    """Padding and encoding of the crops."""

    @model_validator(mode="after")
    def _tracklets_outlast_a_frame(self) -> "CropSettings":
        if self.frame_rate is not None and self.frame_rate * self.track.lost_seconds < 1:
            raise ValueError(
                f"with frame_rate {self.frame_rate:g} a tracklet would end between two frames; raise frame_rate, or "
                f"track.lost_seconds, which is {self.track.lost_seconds:g}"
            )
        return self

    @classmethod
    def implied(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Expand the short forms `detector: model.onnx`, `detector: rfdetr:NAME`, and `detections` alone."""
        values, detector = dict(given), given.get("detector")
        if isinstance(detector, str) and detector.lower().endswith(".onnx"):
            values |= {"detector": "onnx", "onnx": {**(given.get("onnx") or {}), "file": detector}}
        elif isinstance(detector, str) and detector.startswith(("torchvision:", "rfdetr:")):
            package, _, name = detector.partition(":")
            values |= {"detector": package, package: {**(given.get(package) or {}), "name": name}}
        elif detector is None and given.get("detections") is not None:
            values["detector"] = "file"
        return values


def crop_settings(flags: Sequence[str] = ()) -> CropSettings:
    """The settings of `reseen crop` from flags such as `--detector yolo.onnx` or `--thin.seconds 1`.

    Raises:
        SettingsError: a flag is not a setting, is invalid, or has no effect.
    """
    values = dict(CropSettings.implied(parse_flags(flags)))
    settings = CropSettings.parse(values, "flags")
    check_effect(settings, values, "flags")
    return settings
