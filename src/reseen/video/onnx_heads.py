"""Decodes the outputs of detection networks to boxes in pixels of the network's input, with scores.

The formats follow the documentation of each exporter: YOLOv5 and YOLOX have an objectness before the classes, YOLOv8
and later do not; DETR and its successors (RT-DETR, D-FINE, RF-DETR) return a fixed number of boxes that need no
suppression; torchvision, and models with built-in suppression, return final boxes.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float64

from reseen.errors import WeightsError
from reseen.video.boxes import Boxes

Head = Literal["auto", "yolo", "yolo-objectness", "yolox", "detr", "final"]
Corners = Float64[np.ndarray, "n 4"]

_COCO = 80
_STRIDES = (8, 16, 32)


def read_head(
    outputs: Sequence[np.ndarray], head: Head, person: int, size: tuple[int, int]
) -> tuple[Boxes, bool]:
    """Decode the outputs of a network for one frame.

    Args:
        outputs: outputs for a batch of one frame.
        head: format of the outputs; `auto` detects it by their number and shapes.
        person: index of the class `person`.
        size: height and width of the network's input in pixels.

    Returns:
        The boxes, and whether they still need non-maximum suppression.

    Raises:
        WeightsError: the outputs do not fit the head.
    """
    arrays = [np.asarray(array, dtype=np.float64) for array in outputs]
    arrays = [array[0] if array.ndim > 1 and array.shape[0] == 1 else array for array in arrays]
    detected = _detect_head(arrays, size) if head == "auto" else head
    try:
        if detected == "final":
            return _final(arrays, person), False
        if detected == "detr":
            return _detr(arrays, person, size), False
        return _yolo(arrays, detected, person, size), True
    except (IndexError, ValueError):
        raise _mismatch(outputs, detected) from None


def _detect_head(arrays: Sequence[np.ndarray], size: tuple[int, int]) -> Head:
    if len(arrays) >= 3 or (len(arrays) == 1 and arrays[0].ndim == 2 and arrays[0].shape[1] in (6, 7)):
        return "final"
    if len(arrays) == 2 and all(array.ndim == 2 for array in arrays) and any(a.shape[1] == 4 for a in arrays):
        return "detr"
    if len(arrays) == 1 and arrays[0].ndim == 2:
        columns = min(arrays[0].shape)
        if columns == _COCO + 5:
            cells = sum((size[0] // stride) * (size[1] // stride) for stride in _STRIDES)
            return "yolox" if max(arrays[0].shape) == cells else "yolo-objectness"
        return "yolo"
    raise _mismatch(arrays, "auto")


def _final(arrays: Sequence[np.ndarray], person: int) -> Boxes:
    """Corners, scores and classes: in one array, or in three in any order."""
    if len(arrays) == 1:
        table = arrays[0]
        if table.shape[1] == 7:  # the first column is the index in the batch
            table = table[:, 1:]
        corners, scores, classes = table[:, :4], table[:, 4], table[:, 5]
    else:
        corners = next(array for array in arrays if array.ndim == 2 and array.shape[1] == 4)
        flat = [array.reshape(-1) for array in arrays if array is not corners and array.size == len(corners)]
        is_integer = [bool(np.array_equal(array, np.round(array))) for array in flat]
        if len(flat) < 2:
            raise ValueError
        classes = flat[is_integer.index(True)] if True in is_integer else flat[1]
        scores = next(array for array in flat if array is not classes)
    is_person = classes.round() == person
    return Boxes(corners[is_person], scores[is_person])


def _detr(arrays: Sequence[np.ndarray], person: int, size: tuple[int, int]) -> Boxes:
    """Centers and sizes relative to the input size, and sigmoid logits of the classes."""
    first, second = arrays
    places, logits = (first, second) if first.shape[1] == 4 else (second, first)
    scores = 1 / (1 + np.exp(-np.clip(logits[:, person], -50, 50)))
    return Boxes(_corners(places) * np.array([size[1], size[0]] * 2, dtype=np.float64), scores)


def _yolo(arrays: Sequence[np.ndarray], head: Head, person: int, size: tuple[int, int]) -> Boxes:
    """One row per cell: center and size in pixels, then the objectness if the head has one, then the classes."""
    (table,) = arrays
    table = table.T if table.shape[0] < table.shape[1] else table
    places = table[:, :4]
    if head == "yolo":
        return Boxes(_corners(places), table[:, 4 + person])
    if head == "yolox":
        places = _yolox_places(places, size)
    return Boxes(_corners(places), table[:, 4] * table[:, 5 + person])


def _yolox_places(raw: Corners, size: tuple[int, int]) -> Corners:
    """Centers and sizes in pixels from YOLOX's offsets within a cell and logarithms of sizes, both in cells."""
    cells, strides = [], []
    for stride in _STRIDES:
        rows, columns = np.indices((size[0] // stride, size[1] // stride)).reshape(2, -1)
        cells.append(np.stack([columns, rows], axis=1))
        strides.append(np.full((len(rows), 1), stride))
    cell, stride = np.concatenate(cells), np.concatenate(strides)
    return np.concatenate([(raw[:, :2] + cell) * stride, np.exp(raw[:, 2:4]) * stride], axis=1)


def _corners(places: Corners) -> Corners:
    """Left, top, right and bottom from center and size."""
    half = places[:, 2:4] / 2
    return np.concatenate([places[:, :2] - half, places[:, :2] + half], axis=1)


def _mismatch(outputs: Sequence[np.ndarray], head: Head) -> WeightsError:
    shapes = ", ".join(str(tuple(array.shape)) for array in outputs)
    return WeightsError(
        f"the detector's outputs of the shapes {shapes} do not fit onnx.head {head}; supported are one array with 4 or "
        "5 values and the classes for every cell (yolo, yolo-objectness, yolox), boxes and logits (detr), and final "
        "boxes with score and class (final)"
    )
