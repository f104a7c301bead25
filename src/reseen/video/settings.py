"""`CropSettings`: how people are found in videos, followed, and cropped."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from reseen.conditions import When
from reseen.config import Settings, check_effect, parse_flags
from reseen.video.onnx_heads import Head

Share = Annotated[float, Field(ge=0, le=1)]


class MotionSettings(Settings):
    """Detection by background subtraction: whatever moves before a fixed camera and is tall enough."""

    threshold: Annotated[float, Field(gt=0)] = 16.0
    """Squared distance of a pixel from its background, in variances of that background, above which it moves."""

    memory_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Seconds after which what stands still becomes background."""

    smallest: Annotated[float, Field(gt=0, le=1)] = 0.06
    """Height of the smallest box as a share of the frame's height."""

    slimmest: Annotated[float, Field(gt=0)] = 4.5
    """Height divided by width, above which a box is no person."""

    widest: Annotated[float, Field(gt=0)] = 1.1
    """Height divided by width, below which a box is no person; two people side by side may be below it."""

    work_height: Annotated[int, Field(ge=48, le=2160)] = 360
    """Height in pixels at which motion is looked for; larger frames are reduced."""


class OnnxSettings(Settings):
    """Detection by a network in an ONNX file."""

    file: Path | None = None
    """The file."""

    head: Head = "auto"
    """What the outputs mean; `auto` tells it by their number and shape. `final`: boxes that need no more selection."""

    person: Annotated[int, Field(ge=0)] = 0
    """Number of the class `person` in the outputs; 0 in COCO's 80 classes, 1 where classes are counted from 1."""

    pixels: Literal["unit", "imagenet", "bytes"] = "unit"
    """Values of the input: 0 to 1, standardized as for ImageNet, or 0 to 255."""

    channels: Literal["rgb", "bgr"] = "rgb"
    """Order of the input's channels."""

    resize: Literal["letterbox", "stretch"] = "letterbox"
    """How a frame fits the input: with gray borders, or stretched."""

    size: Annotated[int, Field(ge=32, le=4096)] | None = None
    """Height and width of the input in pixels; only for a file that leaves them open."""


class TorchvisionSettings(Settings):
    """Detection by a network of torchvision."""

    name: str = "fasterrcnn_mobilenet_v3_large_320_fpn"
    """The network, as torchvision calls it."""

    weights: Path | None = None
    """Safetensors file of its weights; null: those that torchvision offers, downloaded on first use."""

    person: Annotated[int, Field(ge=0)] = 1
    """Number of the class `person`; 1 in torchvision's own weights."""


class TrackSettings(Settings):
    """How boxes are joined into tracklets."""

    by: Literal["bytetrack", "sort", "ocsort", "botsort", "cbiou"] = "bytetrack"
    """The tracker, one of the package `trackers`."""

    lost_seconds: Annotated[float, Field(gt=0, le=60)] = 1.0
    """Seconds without a box after which a tracklet has ended."""

    first_frames: Annotated[int, Field(ge=1, le=100)] = 3
    """Frames in a row that begin a tracklet."""


class ThinSettings(Settings):
    """Which crops of a tracklet are kept."""

    seconds: Annotated[float, Field(gt=0)] = 0.5
    """From every so many seconds the sharpest crop is kept."""

    most: Annotated[int, Field(ge=2, le=10_000)] = 40
    """Crops of one tracklet; where it is longer, the seconds double until they fit."""

    fewest_frames: Annotated[int, Field(ge=1)] = 5
    """Frames with a box that a tracklet needs to be kept."""

    height: Annotated[int, Field(ge=8)] = 48
    """Height in pixels of the smallest box that is cropped."""

    overlap: Share = 0.4
    """Share of a box, 0 to 1, that the boxes of others may cover."""

    border: Annotated[int, Field(ge=0)] = 2
    """Boxes nearer than this to the border of the frame, in pixels, are cut off there, and not cropped; 0 crops all."""


class ImageSettings(Settings):
    """The files that are written."""

    padding: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Added on every side of a box, as a share of its width and height."""

    outside: Literal["cut", "black"] = "cut"
    """What of a crop lies outside of the frame: cut off, or black."""

    quality: Annotated[int, Field(ge=1, le=100)] = 92
    """JPEG quality."""


class CropSettings(Settings):
    """How people are found, followed and cropped."""

    detector: Literal["motion", "onnx", "torchvision", "file"] = "motion"
    """What finds people: motion before a fixed camera, a network, or a file that already has the boxes."""

    detections: Annotated[Path | None, When(detector="file")] = None
    """File of boxes or tracks, or a folder with one for every source, of the same name."""

    score: Annotated[Share, When(detector=("onnx", "torchvision", "file"))] = 0.4
    """Boxes of a lower score are dropped."""

    double: Share = 0.8
    """Of two boxes, one that the better one covers by this share is dropped."""

    frame_rate: Annotated[float, Field(gt=0)] | None = None
    """Frames per second that are looked at; null: all."""

    image_rate: Annotated[float, Field(gt=0)] = 25.0
    """Frames per second of a folder of images."""

    motion: Annotated[MotionSettings, When(detector="motion")] = MotionSettings()
    """Detection by motion."""

    onnx: Annotated[OnnxSettings, When(detector="onnx")] = OnnxSettings()
    """Detection by an ONNX file."""

    torchvision: Annotated[TorchvisionSettings, When(detector="torchvision")] = TorchvisionSettings()
    """Detection by torchvision."""

    track: TrackSettings = TrackSettings()
    """Tracking."""

    thin: ThinSettings = ThinSettings()
    """Selection of crops."""

    image: ImageSettings = ImageSettings()
    """The files."""

    @model_validator(mode="after")
    def _tracklets_outlast_a_frame(self) -> "CropSettings":
        if self.frame_rate is not None and self.frame_rate * self.track.lost_seconds < 1:
            raise ValueError(
                f"at frame_rate {self.frame_rate:g} a tracklet would end between two frames; raise it, or "
                f"track.lost_seconds, which is {self.track.lost_seconds:g}"
            )
        return self

    @classmethod
    def implied(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """`detector: model.onnx` and `detector: torchvision:NAME` say the rest, and a file of boxes the detector."""
        values, detector = dict(given), given.get("detector")
        if isinstance(detector, str) and detector.lower().endswith(".onnx"):
            values |= {"detector": "onnx", "onnx": {**(given.get("onnx") or {}), "file": detector}}
        elif isinstance(detector, str) and detector.startswith("torchvision:"):
            name = detector.partition(":")[2]
            values |= {
                "detector": "torchvision",
                "torchvision": {**(given.get("torchvision") or {}), "name": name},
            }
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
