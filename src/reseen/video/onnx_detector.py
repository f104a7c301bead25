"""`OnnxDetector`: people found by a network in an ONNX file, run by ONNX Runtime on the CPU."""

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
"""Border of a letterbox, as the networks of the YOLO family were trained with."""

_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
_STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)
_SUPPRESSION = 0.65
"""Intersection over union above which the weaker of two boxes is dropped, for heads without suppression."""


class OnnxDetector:
    """A detection network in an ONNX file."""

    scored = True

    def __init__(self, settings: OnnxSettings, score: float) -> None:
        """Load the file; boxes below `score` are dropped.

        Raises:
            SettingsError: no file is named, ONNX Runtime is not installed, or the input's size is not known.
            WeightsError: the file cannot be read, or takes no image.
        """
        if settings.file is None:
            raise SettingsError("detector: onnx needs --onnx.file FILE, or write --detector FILE.onnx")
        runtime: Any = require_package("onnxruntime", "onnx")
        self._settings, self._score = settings, score
        file = settings.file.expanduser()
        if not file.is_file():
            raise WeightsError(f"{file}: no such file of a detector")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        try:
            self._session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises kinds of its own
            raise WeightsError(
                f"{file}: cannot be read as ONNX ({str(error).splitlines()[0][:200]})"
            ) from None
        self._file, self._inputs = file, self._session.get_inputs()
        self._size, self._last = self._input_size(), self._inputs[0].shape[-1] == 3
        self._type = {"tensor(float16)": np.float16, "tensor(uint8)": np.uint8}.get(
            self._inputs[0].type, np.float32
        )

    def begin(self, sample: Sequence[Pixels]) -> None:
        """Nothing to prepare."""

    def detect(self, pixels: Pixels, number: int) -> Boxes:  # noqa: ARG002
        """The people in a frame; `number` is not needed.

        Raises:
            WeightsError: the network fails, or its outputs do not fit.
        """
        image, scale, offset = self._prepared(pixels)
        feed: dict[str, np.ndarray] = {self._inputs[0].name: image}
        for other in self._inputs[1:]:  # RT-DETR and D-FINE ask for the size that boxes are to be in
            feed[other.name] = np.array([self._size[::-1]], dtype=np.int64)
        try:
            outputs = self._session.run(None, feed)
        except Exception as error:  # ONNX Runtime raises kinds of its own
            raise WeightsError(
                f"{self._file}: does not run on a frame: {str(error).splitlines()[0][:200]}"
            ) from None
        try:
            boxes, doubled = read_head(outputs, self._settings.head, self._settings.person, self._size)
        except WeightsError as error:
            raise WeightsError(f"{self._file}: {error}") from None
        boxes = boxes.select(np.isfinite(boxes.corners).all(axis=1) & (boxes.scores >= self._score))
        boxes = _suppressed(boxes) if doubled else boxes
        return Boxes((boxes.corners - offset) / scale, np.clip(boxes.scores, 0, 1))

    def _input_size(self) -> tuple[int, int]:
        shape = self._inputs[0].shape
        if len(shape) != 4 or 3 not in (shape[1], shape[3]):
            raise WeightsError(f"{self._file}: takes {shape}, not one image of three colors")
        height, width = shape[1:3] if shape[3] == 3 else shape[2:4]
        given = self._settings.size
        if isinstance(height, int) and isinstance(width, int):
            if given is not None and (height, width) != (given, given):
                raise SettingsError(
                    f"onnx.size: {self._file} takes {height} x {width} pixels and no other size"
                )
            return height, width
        if given is None:
            raise SettingsError(f"onnx.size: {self._file} takes images of any size; say which, such as 640")
        return given, given

    def _prepared(self, pixels: Pixels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The input, and scale and offset of a point of the frame in it, horizontally and vertically."""
        settings, (tall, wide) = self._settings, self._size
        height, width = pixels.shape[:2]
        if settings.resize == "stretch":
            image, scale = fit(pixels, tall, wide), np.array([wide / width, tall / height] * 2)
            offset = np.zeros(4)
        else:
            ratio = min(tall / height, wide / width)
            inner = max(1, round(height * ratio)), max(1, round(width * ratio))
            top, left = (tall - inner[0]) // 2, (wide - inner[1]) // 2
            image = np.full((tall, wide, 3), _GRAY, dtype=np.uint8)
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
        values = values if self._last else values.transpose(2, 0, 1)
        return np.ascontiguousarray(values[None]).astype(self._type)


def _suppressed(boxes: Boxes) -> Boxes:
    """Non-maximum suppression by intersection over union, best first."""
    corners = boxes.corners
    areas = np.prod(np.maximum(corners[:, 2:] - corners[:, :2], 0), axis=1)
    waiting, kept = np.argsort(-boxes.scores, kind="stable"), []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        low = np.maximum(corners[best, :2], corners[waiting, :2])
        high = np.minimum(corners[best, 2:], corners[waiting, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        waiting = waiting[shared <= _SUPPRESSION * (areas[best] + areas[waiting] - shared)]
    return boxes.select(np.array(kept, dtype=np.int64))
