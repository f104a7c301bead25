"""Charts and their axes."""

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.pages.axes import percent, short, ticks, whole_ticks
from reseen.pages.line_charts import Series, charts, line_chart
from reseen.pages.scores import log_table

sizes = st.floats(-1e9, 1e9, allow_nan=False).map(lambda value: 0.0 if abs(value) < 1e-6 else value)


@settings(max_examples=100)
@given(sizes, sizes)
def test_ticks_cover_and_are_few(a, b):
    low, high = sorted((a, b))
    if high - low < 1e-6 * max(1.0, abs(low), abs(high)):
        return
    marks = ticks(low, high)
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert marks[0] <= low + slack
    assert marks[-1] >= high - slack
    assert marks == sorted(set(marks))
    assert 2 <= len(marks) <= 8


def test_ticks_by_hand():
    assert ticks(0, 2.2) == [0, 1, 2, 3]
    assert ticks(0, 0.45) == [0, 0.2, 0.4, 0.6]
    assert ticks(5, 5)[0] <= 5 <= ticks(5, 5)[-1]
    with pytest.raises(ValueError, match="finite ends"):
        ticks(0, math.inf)


@pytest.mark.parametrize(("last", "expected"), [(1, [1]), (3, [1, 2, 3]), (50, [10, 20, 30, 40, 50])])
def test_rounds_are_whole(last, expected):
    assert whole_ticks(1, last) == expected


def test_numbers_as_people_write_them():
    assert [short(v) for v in (3.5e-4, math.nan)] == ["3.5e-04", "–"]
    assert [short(v) for v in (0, 0.0521, 1.25, 31.44, 730.2, 12936)] == [
        "0",
        "0.052",
        "1.25",
        "31.4",
        "730",
        "12,936",
    ]
    assert [percent(v) for v in (0.2, 0.0718, 0)] == ["20 %", "7.2 %", "0 %"]


def drawn(markup):
    return ElementTree.fromstring(str(markup))


def test_line_breaks_where_a_number_is_missing():
    root = drawn(line_chart("Loss", [1, 2, 3, 4], [Series("a", [1.0, None, 3.0, 2.0])]))
    path = root.find("path").attrib["d"]
    assert path.count("M") == 2
    assert path.count("L") == 1
    assert len(root.findall("circle")) == 3


def test_points_lie_on_the_axes():
    """Values 0 and 10 are ticks, so their points lie on the first and last grid line, at both ends."""
    root = drawn(line_chart("Loss", [1, 9], [Series("a", [0.0, 10.0])]))
    lines = root.findall("line")
    (x0, y0), (x1, y1) = re.findall(r"[ML]([\d.]+) ([\d.]+)", root.find("path").attrib["d"])
    assert (x0, y0) == (str(float(lines[0].attrib["x1"])), lines[0].attrib["y1"])
    assert (x1, y1) == (str(float(lines[-1].attrib["x2"])), lines[-1].attrib["y1"])


def test_pointer_shows_the_numbers_of_a_round():
    root = drawn(line_chart("Loss", [1, 2], [Series("a<b", [1.0, 2.5]), Series("c", [None, 4.0])]))
    assert [title.text for title in root.iter("title")] == ["round 1\na<b: 1", "round 2\na<b: 2.5\nc: 4"]
    assert root.attrib["aria-label"] == "Loss, rounds 1 to 2: a<b 1 to 2.5; c 4 to 4"


def test_one_round_is_drawn():
    root = drawn(line_chart("Loss", [3], [Series("a", [2.0])]))
    assert len(root.findall("circle")) == 1


def test_no_numbers_is_an_error():
    with pytest.raises(ValueError, match="chart 'Loss' needs a number"):
        line_chart("Loss", [1], [Series("a", [None])])
    with pytest.raises(ValueError, match="for each of 2 rounds"):
        line_chart("Loss", [1, 2], [Series("a", [1.0])])


def test_charts_follow_the_log():
    """Only what the log holds is drawn; a loss that is not a number is a gap, not a crash."""
    log = [
        {"round": 1, "losses": {"a": 1.0, "b": math.nan}, "clusters": 3, "noise_share": 0.5, "largest": 9},
        {"round": 2, "losses": {"a": 0.5, "b": 2.0}, "clusters": 4, "noise_share": 0.25},
    ]
    made = charts(log)
    assert [chart.title for chart in made] == ["Loss", "Clusters", "Images in no cluster", "Cluster sizes"]
    assert made[0].legend == [("a", 0), ("b", 1)]
    assert (made[1].words, made[2].words) == ("4 at the end", "25 % at the end")
    assert charts([]) == []


def test_log_table_holds_every_number():
    made = log_table([{"round": 1, "losses": {"a": 1.0}, "note": "x"}, {"round": 2, "noise_share": 0.25}])
    assert made.headings == ["round", "losses: a", "noise share"]
    assert made.rows == [["1", "1", "–"], ["2", "–", "25 %"]]


@pytest.mark.parametrize("span", [1e-14, 1e-20, 1e-300, 5e-324, 1e300])
def test_levels_of_rounding_errors_differ_and_those_of_nothing_do_too(span):
    levels = ticks(0, span, 16)
    assert levels == sorted(set(levels))
    assert len(levels) > 1
    assert all(map(math.isfinite, levels))


def test_numbers_that_nothing_can_draw_are_left_out():
    line = {"round": 1, "losses": {"a": 1e308, "b": float("nan")}, "clusters": -1e308, "seconds": 3.0}
    assert [chart.title for chart in charts([line])] == ["Seconds per round"]
