import math

import pytest

from reseen.data.times import parse_time, to_seconds
from reseen.datasets import read_training


@pytest.mark.parametrize(
    ("texts", "seconds"),
    [
        (["12.5", None, "0"], [12.5, math.nan, 0]),
        (["1777645800", "1777645801.5"], [1777645800, 1777645801.5]),
        (["1777645800000"], [1777645800]),
        (["1777645800000000"], [1777645800]),
        (["1777645800000000000"], [1777645800]),
        (
            ["50000000000", "300000000000"],
            [50_000_000, 300_000_000],
        ),  # one unit for a column, that of its largest
        (["-1777645800000"], [-1777645800]),
        (["1970-01-01T00:01", "1970-01-01T01:00+01:00", "nan"], [60, 0, math.nan]),
    ],
)
def test_numbers_by_magnitude_and_dates(texts, seconds):
    assert to_seconds([parse_time(text) for text in texts]) == pytest.approx(seconds, nan_ok=True)


@pytest.mark.parametrize("text", ["yesterday", "inf", "-inf", "1e300", "1" * 400])
def test_what_is_no_time(text):
    with pytest.raises(ValueError, match=r"time|isoformat"):
        parse_time(text)


def test_a_date_without_a_zone_is_utc_wherever_it_is_read(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    assert to_seconds([parse_time("2026-05-01T14:30")]) == [1777645800]


def test_every_reader_reads_unix_times_by_magnitude(make_images):
    root = make_images("1_1777645800000.jpg")
    (root / "m.csv").write_text("path,time\n1_1777645800000.jpg,1777645800000000000\n")
    assert read_training(root / "m.csv").times.tolist() == [1777645800]
    assert read_training(root, pattern="{camera}_{time}.jpg").times.tolist() == [1777645800]
