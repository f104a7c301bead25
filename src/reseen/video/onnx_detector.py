"""`OnnxDetector`: detects people with a network in an ONNX file, by ONNX Runtime on the CPU."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from reseen.data.decode import fit
from reseen.errors import SettingsError, WeightsError
from reseen.optional_dependencies import require_package
from reseen.video.boxes import Boxes, Pixels
from reseen.video.onnx_heads import read_head
from reseen.video.settings import OnnxSettings

_GRAY = 114
"""Padding color of a letterbox, as in the training of networks of the YOLO family."""

_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
_STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)
_IOU_THRESHOLD = 0.65
"""Intersection over union above which the box with the lower score is dropped, for heads that need suppression."""


class OnnxDetector:
    """A detection network in an ONNX file."""

    has_confidence = True

    def __init__(self, settings: OnnxSettings, score: float) -> None:
        """Load the file; boxes with a score below `score` are dropped.

        Raises:
            SettingsError: no file is given, ONNX Runtime is not installed, or the input size is unknown.
            WeightsError: the file cannot be read, or its input is not an image.
        """
        if settings.file is None:
            raise SettingsError("detector: onnx needs --onnx.file FILE, or write --detector FILE.onnx")
        runtime: Any = require_package("onnxruntime", "onnx")
        self._settings, self._score = settings, score
        file = settings.file.expanduser()
        if not file.is_file():
            raise WeightsError(f"{file}: no such ONNX file")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        try:
            self._session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises its own exception classes
            raise WeightsError(
                f"{file}: cannot be read as ONNX ({str(error).splitlines()[0][:200]})"
            ) from None
        self._file, self._inputs = file, self._session.get_inputs()
        self._size, self._channels_last = self._input_size(), self._inputs[0].shape[-1] == 3
        self._type = {"tensor(float16)": np.float16, "tensor(uint8)": np.uint8}.get(
            self._inputs[0].type, np.float32
        )

    def prepare(self, sample: Sequence[Pixels]) -> None:
        """Do nothing."""

    def detect(self, pixels: Pixels, number: int) -> Boxes:  # noqa: ARG002
        """Boxes of people in a frame; `number` is not used.

        Raises:
            WeightsError: the network fails, or its outputs do not fit the head.
        """
        image, scale, offset = self._preprocess(pixels)
        feed: dict[str, np.ndarray] = {self._inputs[0].name: image}
        for other in self._inputs[
            1:
        ]:  # RT-DETR and D-FINE have a second input: the size that boxes are scaled to
            feed[other.name] = np.array([self._size[::-1]], dtype=np.int64)
        try:
            outputs = self._session.run(None, feed)
        except Exception as error:  # ONNX Runtime raises its own exception classes
            raise WeightsError(
                f"{self._file}: fails on a frame: {str(error).splitlines()[0][:200]}"
            ) from None
        try:
            boxes, has_duplicates = read_head(outputs, self._settings.head, self._settings.person, self._size)
        except WeightsError as error:
            raise WeightsError(f"{self._file}: {error}") from None
        boxes = boxes.select(np.isfinite(boxes.corners).all(axis=1) & (boxes.scores >= self._score))
        boxes = _suppress(boxes) if has_duplicates else boxes
        return Boxes((boxes.corners - offset) / scale, np.clip(boxes.scores, 0, 1))

    def _input_size(self) -> tuple[int, int]:
        shape = self._inputs[0].shape
        if len(shape) != 4 or 3 not in (shape[1], shape[3]):
            raise WeightsError(
                f"{self._file}: its input has the shape {shape}, expected one image of 3 channels"
            )
        height, width = shape[1:3] if shape[3] == 3 else shape[2:4]
        given = self._settings.size
        if isinstance(height, int) and isinstance(width, int):
            if given is not None and (height, width) != (given, given):
                raise SettingsError(
                    f"onnx.size: the input of {self._file} is fixed to {height} x {width} pixels; leave it out"
                )
            return height, width
        if given is None:
            raise SettingsError(
                f"onnx.size: the input of {self._file} has no fixed size; set one, such as 640"
            )
        return given, given

    def _preprocess(self, pixels: Pixels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The network's input, and the scale and offset (x, y, x, y) from frame to input coordinates."""
        settings, (input_height, input_width) = self._settings, self._size
        height, width = pixels.shape[:2]
        if settings.resize == "stretch":
            image = fit(pixels, input_height, input_width)
            scale = np.array([input_width / width, input_height / height] * 2)
            offset = np.zeros(4)
        else:
            ratio = min(input_height / height, input_width / width)
            inner = max(1, round(height * ratio)), max(1, round(width * ratio))
            top, left = (input_height - inner[0]) // 2, (input_width - inner[1]) // 2
            image = np.full((input_height, input_width, 3), _GRAY, dtype=np.uint8)
            image[top : top + inner[0], left : left + inner[1]] = fit(pixels, *inner)
            scale, offset = np.full(4, ratio), np.array([left, top] * 2, dtype=np.float64)
        return self._values(image), scale, offset

    def _values(self, image: Pixels) -> np.ndarray:
        values: Float32[np.ndarray, "h w 3"] = image.astype(np.float32)
        if self._settings.pixels != "bytes":
            values /= 255
        if self._settings.pixels == "imagenet":
            values = (values - _MEAN) / _STD
        if self._settings.channels == "bgr":
            values = values[..., ::-1]
        values = values if self._channels_last else values.transpose(2, 0, 1)
        return np.ascontiguousarray(values[None]).astype(self._type)


def _suppress(boxes: Boxes) -> Boxes:
    """Non-maximum suppression by intersection over union; returns the remaining boxes, best first."""
    corners = boxes.corners
    areas = np.prod(np.maximum(corners[:, 2:] - corners[:, :2], 0), axis=1)
    remaining, kept = np.argsort(-boxes.scores, kind="stable"), []
    while len(remaining):
        best, remaining = remaining[0], remaining[1:]
        kept.append(best)
        low = np.maximum(corners[best, :2], corners[remaining, :2])
        high = np.minimum(corners[best, 2:], corners[remaining, 2:])
        overlap = np.prod(np.maximum(high - low, 0), axis=1)
        remaining = remaining[overlap <= _IOU_THRESHOLD * (areas[best] + areas[remaining] - overlap)]
    return boxes.select(np.array(kept, dtype=np.int64))
