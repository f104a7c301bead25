"""Tracklets made for measuring: from Market-1501's names, as MARS has them, and with a share that has switched."""

import argparse
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from benchmarks.tracklets import corrupt, pair_scores, read, tracked
from hypothesis import given
from hypothesis import strategies as st
from tests.datasets.trees import Layout, plant

from reseen.cluster import tracklet_constraints
from reseen.data.table import ImageTable


def test_an_unbroken_appearance_is_a_tracklet():
    """Frames are 25 a second: 100 frames are four seconds, and a person of another sequence is another tracklet."""
    names = ["0002_c1s1_000100_00", "0002_c1s1_000200_00", "0002_c1s1_000301_00", "0002_c1s2_000200_00",
             "0002_c2s1_000100_00", "0007_c1s1_000150_00"]  # fmt: skip
    table = ImageTable(
        Path("/data"), tuple(f"{name}.jpg" for name in names), np.array([0, 0, 0, 0, 1, 0]), ("c1", "c2")
    )
    people = np.array([2, 2, 2, 2, 2, 7])
    found = tracked(table, people)
    first, second, late, other, elsewhere, somebody = found.tracklets.tolist()
    assert first == second
    assert len({first, late, other, elsewhere, somebody}) == 5
    assert found.times[1] - found.times[0] == pytest.approx(4)


def test_mars_has_tracklets_of_its_own_and_no_times(tmp_path):
    root = plant(tmp_path, Layout.MARS)
    table, people = read(argparse.Namespace(data=root, people=10))
    by_name = {path.rpartition("/")[2]: place for place, path in enumerate(table.texts)}
    tracks = {name: int(table.tracklets[place]) for name, place in by_name.items()}
    assert tracks["0001C1T0001F001.jpg"] == tracks["0001C1T0001F002.jpg"]
    assert len(set(tracks.values())) == 3
    assert people[by_name["0003C1T0001F001.jpg"]] == 3
    assert tracklet_constraints(table, "cannot-link").cannot == 0
    assert tracklet_constraints(table, "both").must == 1  # one tracklet of two crops
    assert len(read(argparse.Namespace(data=root, people=1))[0]) == 3


def test_switched_tracklets_have_exchanged_their_later_halves():
    count, each = 12, 6
    tracks = np.repeat(np.arange(count), each)
    table = ImageTable(
        Path("/data"), tuple(f"{row}.jpg" for row in range(count * each)), tracks % 2, ("a", "b"), tracks,
        np.tile(np.arange(each, dtype=np.float64), count),
    )  # fmt: skip
    broken, switched = corrupt(table, 0.5, np.random.default_rng(0))
    assert switched == 6
    changed = [track for track in range(count) if (broken.tracklets[tracks == track] != track).any()]
    assert len(changed) == 6
    for track in changed:
        own = broken.tracklets[tracks == track]
        assert (own[:3] == track).all()
        assert (own[3:] == own[3]).all()
        partner = own[3]
        assert partner % 2 == track % 2  # of one camera
        assert (broken.tracklets[tracks == partner][3:] == track).all()
    again, none = corrupt(table, 0.0, np.random.default_rng(0))
    assert none == 0
    assert np.array_equal(again.tracklets, tracks)
    timeless = corrupt(replace(table, times=None), 0.5, np.random.default_rng(0))[0]
    assert sorted(timeless.tracklets) == sorted(tracks)


@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 3)), min_size=2, max_size=12))
def test_pair_scores_by_counting_pairs(rows):
    labels, people = (np.array(column) for column in zip(*rows, strict=True))
    pairs = list(combinations(range(len(rows)), 2))
    together = [(a, b) for a, b in pairs if labels[a] == labels[b] >= 0]
    same = [(a, b) for a, b in pairs if people[a] == people[b]]
    right = len(set(together) & set(same))
    if not same:
        return
    found = pair_scores(labels, people)
    assert found["precision"] == pytest.approx(right / max(len(together), 1))
    assert found["recall"] == pytest.approx(right / len(same))
