"""Histograms: every value in one bar, and bars that say what they hold."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.pages.bar_charts import histogram


def bars(chart):
    """Name and count of each bar, as the pointer shows them."""
    root = ElementTree.fromstring(str(chart.drawing))
    found = [re.fullmatch(r".*? ([\d.,e-].*): (\d+) clusters", title.text) for title in root.iter("title")]
    return [(match[1], int(match[2])) for match in found]


def test_small_sizes_have_a_bar_each():
    chart = histogram("Size", [1, 1, 2, 4], "clusters", whole=True)
    assert bars(chart) == [("1", 2), ("2", 1), ("3", 0), ("4", 1)]
    assert chart.words == "median 1.5, largest 4"


def test_large_sizes_share_bars_of_round_width():
    counted = bars(histogram("Size", list(range(1, 101)), "clusters", whole=True))
    assert counted[:2] == [("0 to 9", 9), ("10 to 19", 10)]
    assert counted[-1] == ("100 to 109", 1)


def test_one_huge_value_does_not_flatten_the_rest():
    counted = bars(histogram("Size", [*[2, 3, 4] * 20, 900], "clusters", whole=True))
    assert counted[1:4] == [("2", 20), ("3", 20), ("4", 20)]
    assert counted[-1][0].endswith(" or more")
    assert counted[-1][1] == 1


def test_a_bar_is_as_high_as_its_count():
    root = ElementTree.fromstring(str(histogram("Size", [1, 1, 2], "clusters", whole=True).drawing))
    first, second = [
        re.fullmatch(r"M[\d.]+ ([\d.]+)V([\d.]+)H.*", path.attrib["d"]) for path in root.iter("path")
    ]
    floor = float(first[1])
    assert floor - float(first[2]) == pytest.approx(2 * (floor - float(second[2])), abs=0.2)


@settings(max_examples=60)
@given(st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=1, max_size=60), st.booleans())
def test_every_value_is_counted_once(values, whole):
    values = [round(value) if whole else 0.0 if value < 1e-6 else value for value in values]
    counted = bars(histogram("Size", values, "clusters", whole))
    assert sum(count for _, count in counted) == len(values)
    assert len(counted) <= 60


@pytest.mark.parametrize("values", [[], [-1.0], [np.nan], [np.inf]])
def test_values_that_cannot_be_counted(values):
    with pytest.raises(ValueError, match="histogram 'Size' needs finite numbers"):
        histogram("Size", values, "clusters")
