"""Trees: every merge where it belongs, every crop below it."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from reseen.pages.album import Picture
from reseen.pages.dendrogram import dendrogram

BY_HAND = np.array([[0, 2, 1.0, 2], [1, 3, 2.0, 3]])
"""Crops 0 and 2 join at 1, crop 1 joins them at 2."""


def feet(count, height=64):
    return [(Picture(f"crop-{place}", 32, height, f"words <{place}>"), f"c{place}") for place in range(count)]


def drawn(matrix=BY_HAND, crops=None):
    return ElementTree.fromstring(str(dendrogram(matrix, feet(3) if crops is None else crops, "merge cost")))


def test_a_tree_by_hand():
    root = drawn()
    joins = root.findall("g")
    assert [join.find("title").text for join in joins] == [
        "merge cost 1: 1 crop and 1 crop",
        "merge cost 2: 1 crop and 2 crops",
    ]
    assert {"0", "2", "merge cost"} <= {text.text for text in root.findall("text")}
    lines = [float(line.attrib["y1"]) for line in root.findall("line")]
    floor, top = max(lines), min(lines)  # 0 and 2
    low, high = [join.findall("path")[1].attrib["d"] for join in joins]
    assert f"V{(floor + top) / 2}H" in low
    assert f"V{top}H" in high
    middle = {
        crop.find("use").attrib["href"]: float(crop.attrib["x"]) + float(crop.attrib["width"]) / 2
        for crop in root.findall("svg")
    }
    assert {float(x) for x in re.findall(r"[MH]([\d.]+)", low)} == {middle["#crop-0"], middle["#crop-2"]}


def test_every_crop_stands_at_the_foot_with_its_label_and_words():
    root = drawn()
    crops = root.findall("svg")
    assert sorted(crop.find("use").attrib["href"] for crop in crops) == ["#crop-0", "#crop-1", "#crop-2"]
    assert sorted(crop.find("title").text for crop in crops) == ["words <0>", "words <1>", "words <2>"]
    labels = {text.attrib["x"]: text.text for text in root.findall("text") if text.text.startswith("c")}
    for crop in crops:  # the label is the crop's own
        middle = float(crop.attrib["x"]) + float(crop.attrib["width"]) / 2
        assert labels[str(middle)] == crop.find("use").attrib["href"].replace("#crop-", "c")


def test_crops_that_join_stand_side_by_side():
    crops = sorted(drawn().findall("svg"), key=lambda crop: float(crop.attrib["x"]))
    order = [crop.find("use").attrib["href"] for crop in crops]
    assert abs(order.index("#crop-0") - order.index("#crop-2")) == 1


def test_crops_of_any_shape_stay_in_their_column():
    root = drawn(crops=feet(3, height=900))
    assert {crop.attrib["height"] for crop in root.findall("svg")} == {"96"}


def test_copies_that_cost_nothing_are_drawn():
    matrix = np.array([[0, 1, 0.0, 2], [2, 3, 0.0, 3]])
    assert len(drawn(matrix).findall("g")) == 2


@pytest.mark.parametrize(("matrix", "count"), [(np.empty((0, 4)), 1), (BY_HAND, 2)])
def test_too_few_crops(matrix, count):
    with pytest.raises(ValueError, match="needs as many crops, and at least two"):
        dendrogram(matrix, feet(count), "merge cost")
