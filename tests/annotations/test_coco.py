import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.annotations.boxes import crop_boxes, frame_boxes

from reseen.annotations.coco import read_coco, write_coco
from reseen.errors import DataError


@settings(max_examples=60, deadline=None)
@given(boxes=st.lists(frame_boxes() | crop_boxes(), max_size=12))
def test_what_is_written_is_read(boxes, tmp_path_factory):
    file = tmp_path_factory.mktemp("coco") / "people.json"
    write_coco(boxes, file)
    assert read_coco(file) == boxes


def coco(**changes):
    content = {
        "images": [{"id": 7, "file_name": "a.jpg", "width": 50, "height": 100}],
        "categories": [{"id": 3, "name": "Person"}, {"id": 4, "name": "dog"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4], "track_id": 9}],
    }
    return content | changes


def read(tmp_path, content):
    file = tmp_path / "boxes.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_coco(file)


def test_a_file_of_another_tool(tmp_path):
    boxes = [
        {"image_id": 7, "category_id": 4, "bbox": [0, 0, 9, 9], "track_id": 1},  # a dog
        {"image_id": 7, "category_id": 3, "bbox": [0, 0, 9, 9]},  # of nobody
        {
            "image_id": 7,
            "category_id": 3,
            "bbox": [1, 2, 3, 4],
            "attributes": {"track_id": 5, "occluded": False},
        },
        {
            "image_id": 7,
            "category_id": 3,
            "bbox": [1, 2, 3, 4],
            "attributes": {"person": "Anna"},
            "segmentation": [],
        },
    ]
    found = read(tmp_path, coco(annotations=boxes))
    assert [(box.track, box.person, box.corners) for box in found] == [
        (5, "", (1, 2, 4, 6)), (-1, "Anna", (1, 2, 4, 6))
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read as COCO"),
        ([], "cannot be read as COCO"),
        (coco(images=[]), "annotation 1: no image 7"),
        (
            coco(annotations=[{"image_id": 7, "category_id": 3, "bbox": [1, 2, 0, 4], "track_id": 9}]),
            "0 x 4 pixels",
        ),
        (coco(annotations=[{"image_id": 7, "category_id": 3, "bbox": [1, 2, 3], "track_id": 9}]), "bbox"),
        (
            coco(annotations=[{"image_id": 7, "category_id": 3, "bbox": [1, 2, 1e99, 3], "track_id": 9}]),
            "number of",
        ),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(content, message, tmp_path):
    with pytest.raises(DataError, match=message) as refused:
        read(tmp_path, content)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.json: no such file"):
        read_coco(tmp_path / "none.json")
