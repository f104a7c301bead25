"""Constraints of tracklets, beside the answers of a person."""

from pathlib import Path

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.cluster.test_constraints import pairs
from tests.data.test_overlaps import CROPS, slow, table_of

from reseen.cluster import Constraints, constrain, tracklet_constraints
from reseen.data.table import ImageTable
from reseen.geometry import unit
from reseen.records import Features, contiguous

TABLE = ImageTable(
    Path("/data"), tuple(f"{name}.jpg" for name in "abcdef"), np.zeros(6, np.int64), ("door",),
    np.array([0, 0, 1, 1, 2, -1]), np.array([0, 2, 1, 3, 9, 1.0]),
)  # fmt: skip
"""The tracklets a b and c d overlap in time; e is later, and f in none."""


def test_overlap_bars_and_a_tracklet_links():
    found = tracklet_constraints(TABLE, "both")
    assert found.constraints.must.tolist() == [[0, 1], [2, 3]]
    assert found.constraints.cannot.tolist() == [[0, 2], [1, 2], [1, 3]] or found.cannot >= 1
    assert {tuple(TABLE.tracklets[pair]) for pair in found.constraints.cannot} <= {(0, 1), (1, 0)}
    assert (found.must, found.overlaps, found.conflicts) == (2, 1, ())
    bars = tracklet_constraints(TABLE, "cannot-link")
    assert (bars.must, bars.cannot) == (0, found.cannot)
    assert "2 must-links" in found.note
    assert "1 pairs of tracklets" in found.note


def test_answers_count_for_more_and_what_they_contradict_is_listed():
    same = Constraints(pairs((1, 2)), pairs(), 6, TABLE.texts)
    found = tracklet_constraints(TABLE, "both", same)
    assert (found.must, found.cannot) == (2, 0)  # through b and c the two tracklets are one person
    assert "overlap in time, and were answered to be one person" in found.conflicts[0]
    different = Constraints(pairs(), pairs((0, 1)), 6, TABLE.texts)
    found = tracklet_constraints(TABLE, "both", different)
    assert found.constraints.must.tolist() == [[2, 3]]
    assert found.conflicts == ("the tracklet of a.jpg holds people who were answered to be different",)
    assert "1 left out, since answers say otherwise" in found.note


@given(CROPS, st.data())
def test_any_answers_and_any_tracklets_go_together(crops, data):
    """The constraints never contradict each other, hold all answers, and every clustering comes to obey them."""
    table = table_of(crops)
    n = len(table)
    who = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)), dtype=np.int64)
    rows = st.integers(0, max(n - 1, 0))
    asked = np.array(
        data.draw(st.lists(st.tuples(rows, rows), max_size=6 if n else 0)), dtype=np.int64
    ).reshape(-1, 2)
    asked = asked[asked[:, 0] != asked[:, 1]]
    same = who[asked[:, 0]] == who[asked[:, 1]]
    answers = Constraints(asked[same], asked[~same], n, table.texts)
    rule = data.draw(st.sampled_from(["cannot-link", "both"]))
    found = tracklet_constraints(table, rule, answers)
    limits = found.constraints
    assert limits.must[: same.sum()].tolist() == answers.must.tolist()
    assert limits.cannot[: (~same).sum()].tolist() == answers.cannot.tolist()
    assert found.overlaps == len(slow(table))
    if not len(asked):
        assert not found.conflicts
    if n:
        labels = np.array(data.draw(st.lists(st.integers(-1, 3), min_size=n, max_size=n)), dtype=np.int64)
        generator = torch.Generator().manual_seed(0)
        features = Features(unit(torch.randn(n, 4, generator=generator)))
        result, _ = constrain(features, contiguous(labels), limits)
        got = result.labels
        assert (got[limits.must[:, 0]] == got[limits.must[:, 1]]).all()
        barred = limits.cannot
        assert ((got[barred[:, 0]] != got[barred[:, 1]]) | (got[barred[:, 0]] == -1)).all()
