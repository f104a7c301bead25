"""Boxes that are written as the outputs of each head are read back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.errors import WeightsError
from reseen.video.onnx_heads import _STRIDES, read_head

SIZE = (96, 128)
CELLS = sum((SIZE[0] // stride) * (SIZE[1] // stride) for stride in _STRIDES)
BOXES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 40), st.integers(4, 60), st.integers(4, 50)), max_size=5
)


def corners_of(boxes):
    return np.array([(x, y, x + w, y + h) for x, y, w, h in boxes], dtype=np.float64).reshape(-1, 4)


def centers(corners):
    return np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], axis=1)


def padded(rows, count):
    return np.concatenate([rows, np.zeros((count - len(rows), rows.shape[1]))]).astype(np.float32)


def found(boxes, least=0.3):
    boxes = boxes.select(boxes.scores >= least)
    return boxes.corners, boxes.scores


@settings(max_examples=40)
@given(BOXES, st.integers(0, 79))
def test_every_head_gives_the_boxes_back(boxes, person):
    corners = corners_of(boxes)
    n = len(corners)
    scores = np.linspace(0.4, 0.9, n) if n else np.zeros(0)
    classes = np.zeros((n, 80))
    classes[:, person] = scores
    sure = np.zeros((n, 80))
    sure[:, person] = 1
    scale = np.array([SIZE[1], SIZE[0]] * 2)
    logits = np.full((300, 80), -30.0)
    logits[np.arange(n), person] = np.log(scores / (1 - scores))
    table = np.concatenate([corners, scores[:, None], np.full((n, 1), person)], axis=1)
    other = np.concatenate([corners, scores[:, None], np.full((n, 1), (person + 1) % 80)], axis=1)
    outputs = {
        "yolo": [padded(np.concatenate([centers(corners), classes], axis=1), 400).T[None]],
        "yolo-objectness": [
            padded(np.concatenate([centers(corners), scores[:, None], sure], axis=1), 400)[None]
        ],
        "detr": [padded(centers(corners) / scale, 300)[None], logits[None].astype(np.float32)],
        "final": [np.concatenate([table, other])[None].astype(np.float32)],
    }
    for head, arrays in outputs.items():
        for asked in (head, "auto"):
            read, doubled = read_head(arrays, asked, person, SIZE)
            assert doubled == head.startswith("yolo")
            got, sureness = found(read)
            assert np.allclose(got, corners, atol=1e-3), (head, asked)
            assert np.allclose(sureness, scores, atol=1e-4)


@settings(max_examples=15)
@given(BOXES, st.randoms(use_true_random=False))
def test_yolox_cells_are_decoded(boxes, random):
    corners = corners_of(boxes)
    rows = random.sample(range(CELLS), len(corners))
    cells = [
        (x, y, stride)
        for stride in _STRIDES
        for y in range(SIZE[0] // stride)
        for x in range(SIZE[1] // stride)
    ]
    table = np.zeros((CELLS, 85), dtype=np.float32)
    for row, (cx, cy, w, h) in zip(rows, centers(corners), strict=True):
        x, y, stride = cells[row]
        table[row, :4] = cx / stride - x, cy / stride - y, np.log(w / stride), np.log(h / stride)
        table[row, 4], table[row, 5 + 3] = 0.8, 0.9
    for head in ("yolox", "auto"):
        read, doubled = read_head([table[None]], head, 3, SIZE)
        got, scores = found(read)
        assert doubled
        assert np.allclose(got, corners[np.argsort(rows)], atol=1e-2)
        assert np.allclose(scores, 0.72, atol=1e-5)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_three_outputs_of_torchvision_in_any_order(order):
    arrays = [np.array([[1, 2, 30, 40], [5, 5, 9, 9.0]]), np.array([1, 2]), np.array([0.75, 0.5])]
    boxes, doubled = read_head([arrays[place] for place in order], "auto", 1, SIZE)
    assert (boxes.corners.tolist(), boxes.scores.tolist(), doubled) == ([[1, 2, 30, 40]], [0.75], False)


@pytest.mark.parametrize("shapes", [[(1, 1000)], [(3, 4, 5, 6)], [(1, 300, 5), (1, 300, 7)]])
def test_outputs_that_fit_nothing_are_said(shapes):
    with pytest.raises(WeightsError, match=r"do not fit onnx.head"):
        read_head([np.zeros(shape) for shape in shapes], "auto", 0, SIZE)


def test_a_class_that_is_not_there():
    with pytest.raises(WeightsError, match=r"do not fit onnx.head yolo"):
        read_head([np.zeros((1, 84, 400))], "yolo", 90, SIZE)
