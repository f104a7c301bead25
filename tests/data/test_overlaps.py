from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reseen.data.overlaps import overlap_rows, overlapping_tracklets
from reseen.data.table import ImageTable

CROPS = st.lists(
    st.tuples(st.integers(-1, 2), st.integers(0, 12), st.booleans(), st.integers(0, 2)), max_size=14
)


def table_of(crops):
    """Crops given as tracklet within its camera, time (unknown where false) and camera."""
    tracklets = [-1 if tracklet < 0 else 3 * camera + tracklet for tracklet, _, _, camera in crops]
    return ImageTable(
        Path("/data"),
        tuple(f"{number}.jpg" for number in range(len(crops))),
        np.array([camera - 1 for *_, camera in crops], dtype=np.int64),
        ("a", "b"),
        np.array(tracklets, dtype=np.int64),
        np.array([time if known else np.nan for _, time, known, _ in crops], dtype=np.float64),
    )


def slow(table):
    """Every pair of tracklets of a known camera, by their first and last crop."""
    spans = {}
    for tracklet, time, camera in zip(table.tracklets, table.times, table.cameras, strict=True):
        if tracklet >= 0 and camera >= 0 and np.isfinite(time):
            spans.setdefault((int(camera), int(tracklet)), []).append(time)
    return {
        (first[1], second[1])
        for first, times in spans.items()
        for second, others in spans.items()
        if first[0] == second[0] and first[1] < second[1]
        and max(min(times), min(others)) <= min(max(times), max(others))
    }  # fmt: skip


@given(CROPS)
def test_overlaps_are_those_of_every_pair_compared(crops):
    table = table_of(crops)
    found = overlapping_tracklets(table)
    assert set(map(tuple, found.tolist())) == slow(table)
    assert len(found) == len(slow(table))


@given(CROPS)
def test_rows_are_of_overlapping_tracklets_and_near_in_time(crops):
    table = table_of(crops)
    pairs = overlap_rows(table)
    tracks = table.tracklets[pairs]
    assert {(int(min(pair)), int(max(pair))) for pair in tracks} == slow(table)
    for first, second in pairs.tolist():
        apart = abs(table.times[first] - table.times[second])
        gaps = [
            min(
                abs(table.times[row] - table.times[other])
                for other in range(len(table))
                if table.tracklets[other] == track
                and table.cameras[other] >= 0
                and np.isfinite(table.times[other])
            )
            for row, track in ((first, table.tracklets[second]), (second, table.tracklets[first]))
        ]
        assert apart == min(gaps) or apart in gaps


def test_nothing_is_known_without_times_or_tracklets():
    table = ImageTable(Path("/data"), ("a.jpg",), np.zeros(1, np.int64), ("a",))
    assert overlapping_tracklets(table).shape == (0, 2)
    assert overlap_rows(table).shape == (0, 2)
