import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseen.gallery.entries import Entry
from reseen.gallery.gallery import Match
from reseen.viewer.timeline import build_timeline

NOON = 1_777_636_800.0
"""2026-05-01 12:00 UTC."""


def match(name, time, camera="a", similarity=0.5):
    return Match(Entry("/source", name, camera=camera, time=time), similarity, None)


def test_cameras_are_rows_by_first_sighting_and_times_lie_along_them():
    line = build_timeline([match("3", NOON + 3600, "b"), match("1", NOON, "a"), match("2", NOON + 1800, "a")])
    assert [row.camera for row in line.rows] == ["a", "b"]
    assert [[sighting.percent for sighting in row.sightings] for row in line.rows] == [[2, 50], [98]]
    assert line.caption == "2026-05-01, UTC."
    assert line.ticks == ((2, "12:00"), (26, "12:15"), (50, "12:30"), (74, "12:45"), (98, "13:00"))
    assert line.rows[0].label == "2026-05-01 12:00:00 to 2026-05-01 12:30:00"
    assert line.undated == 0


def test_sightings_near_in_time_are_one_visit():
    line = build_timeline(
        [match(str(number), NOON + time) for number, time in enumerate([0, 10, 20, 900, 1000])]
    )
    (row,) = line.rows
    assert [(round(low, 1), round(high, 1)) for low, high in row.visits] == [
        (2.0, 3.9),
        (88.4, 88.4),
        (98.0, 98.0),
    ]


def test_the_crop_that_was_searched_for_is_on_it():
    query = match("q", NOON, "c")
    line = build_timeline([match("1", NOON + 5, "a")], query)
    assert [sighting.is_query for row in line.rows for sighting in row.sightings] == [True, False]
    assert "query crop" in line.rows[0].sightings[0].label


def test_times_that_are_unknown_are_counted_and_not_drawn():
    assert build_timeline([match("1", None), match("2", None)]).undated == 2
    assert build_timeline([match("1", None), match("2", None)]).rows == ()
    line = build_timeline([match("1", None), match("2", NOON, camera=None)])
    assert line.undated == 1
    assert line.rows[0].camera == "unknown camera"
    assert line.rows[0].sightings[0].percent == 50
    assert build_timeline([]).rows == ()


def test_seconds_of_an_own_origin_are_no_dates():
    line = build_timeline([match("1", 0.0), match("2", 95.0)])
    assert line.ticks == ((2, "0 s"), (32.316, "30 s"), (62.632, "60 s"), (92.947, "90 s"))
    assert "origin" in line.caption


@given(st.lists(st.floats(0, 4e9), min_size=1, max_size=20))
def test_everything_is_drawn_inside_and_in_order(times):
    line = build_timeline([match(str(number), time, str(number % 3)) for number, time in enumerate(times)])
    drawn = [sighting.percent for row in line.rows for sighting in row.sightings]
    assert len(drawn) == len(times)
    assert all(0 <= percent <= 100 for percent in drawn)
    assert all(0 <= percent <= 100 for percent, _ in line.ticks)
    assert len(line.ticks) <= 6
    for row in line.rows:
        percents = [sighting.percent for sighting in row.sightings]
        assert percents == sorted(percents)
        assert all(any(low <= percent <= high for low, high in row.visits) for percent in percents)


@pytest.mark.parametrize(
    ("span", "pattern"), [(20, r"\d\d:\d\d:\d\d"), (9000, r"\d\d:\d\d"), (9e6, r"May|Jul \d\d")]
)
def test_labels_are_as_fine_as_the_span(span, pattern):
    line = build_timeline([match("1", NOON), match("2", NOON + span)])
    assert line.ticks
    assert all(re.match(pattern, label) or span > 1e6 for _, label in line.ticks)


def at(time):
    return Match(Entry("crops", f"{time}.jpg", b"", "c1", time, None, None), 0.9, None)


@pytest.mark.parametrize("times", [(1.7e12, 1.8e12), (1.7e18, 1.7e18), (10.0, 1e300), (1e8, 4e11)])
def test_no_time_breaks_the_timeline(times):
    drawn = build_timeline([at(time) for time in times])
    assert len(drawn.rows[0].sightings) == 2
    assert drawn.caption


def test_infinite_times_are_undated():
    assert build_timeline([at(math.inf), at(math.nan), at(5.0)]).undated == 2
