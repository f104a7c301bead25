"""Filters, and their parsing from user input."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.gallery.conftest import draw

from reseen.errors import SettingsError
from reseen.gallery.filter import Filter, format_timestamp, parse_filter, parse_timestamp
from reseen.gallery.stores.in_memory import MemoryStore


def test_a_camera_may_be_typed_as_it_was_written():
    """Readers call the camera `1` of a manifest `c1`; who wrote 1 may ask for 1."""
    for typed in ("1", "c1", "01", "c01", "1.0"):
        assert parse_filter([typed], None, None, None, ["c1", "gate", None]).cameras == ("c1",)
    assert parse_filter(["gate"], None, None, None, ["c1", "gate"]).cameras == ("gate",)
    assert parse_filter(None, None, None, None, ["c1"]).cameras is None
    with pytest.raises(SettingsError, match="no camera 'c2' in this gallery"):
        parse_filter(["2"], None, None, None, ["c1"])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("12.5", 12.5), ("1970-01-01T00:01", 60), ("1970-01-01T01:00+01:00", 0), ("1970-01-02", 86400)],
)
def test_numbers_and_dates(text, seconds):
    assert parse_timestamp(text) == seconds


def test_another_text_is_refused():
    with pytest.raises(SettingsError, match="give seconds"):
        parse_timestamp("yesterday")


def test_timestamps_as_text():
    assert format_timestamp(None) == ""
    assert format_timestamp(12.25) == "12.2 s"
    assert format_timestamp(parse_timestamp("2026-05-01T14:30")) == "2026-05-01 14:30:00"


def test_times_in_milliseconds_and_more_are_read_by_magnitude():
    for text in ("1777645800", "1777645800000", "1777645800000000", "1777645800000000000"):
        assert parse_timestamp(text) == 1777645800
    for text in ("inf", "nan", "1e30"):
        with pytest.raises(SettingsError, match="give seconds"):
            parse_timestamp(text)


@pytest.mark.parametrize("seconds", [1.7e12, 1.7e18, 1e300, float("inf"), float("-inf"), -1e18, 5e10])
def test_format_never_raises(seconds):
    assert format_timestamp(seconds)


def test_nan_is_no_timestamp():
    assert format_timestamp(float("nan")) == ""


@pytest.mark.parametrize(
    "moment", ["2026-05-01", "2026-05-01T02:00+02:00", datetime(2026, 5, 1), datetime(2026, 5, 1, tzinfo=UTC)]
)
def test_a_time_may_be_text_or_a_datetime(moment):
    where = Filter(before=moment)
    assert where.window == (None, 1777593600.0)
    assert where.by_date
    entry = replace(draw(1).entries[0], time=1777593599.0)
    assert where.matches(entry)
    assert not where.matches(replace(entry, time=1777593600.0))
    assert not where.matches(replace(entry, time=None))


def test_seconds_may_be_text_too():
    assert Filter(after="12.5", before=20).window == (12.5, 20.0)
    assert not Filter(after="12.5", before=20).by_date


@pytest.mark.parametrize("text", ["noon", "", "nan", "inf", "2026-13-01"])
def test_a_text_that_is_no_time_is_refused_at_once(text):
    with pytest.raises(SettingsError, match="give seconds such as"):
        Filter(after=text)


def test_stores_understand_a_date(model):
    store = MemoryStore(model)
    store.add(draw(10))
    assert (
        sum(len(part) for part in store.scan(Filter(before="1970-01-01T00:16:45"))) == 4
    )  # to 1004 s, and one undated
