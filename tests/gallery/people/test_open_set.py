"""Errors on strangers and on known people are at most what is stated, on the sightings that they are measured on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gallery.people.test_assign import TRUSTED, units

from reseen.gallery.people.assign import PersonIndex, Thresholds
from reseen.gallery.people.open_set import (
    FEWEST_SIGHTINGS,
    SightingScores,
    measured_thresholds,
    score_sightings,
)

CALIBRATED = Thresholds.choose(TRUSTED)


def scores_of(pairs):
    return SightingScores(*np.array(pairs, dtype=np.float64).T)


similarities = st.integers(-100, 100).map(lambda value: value / 100)


@given(st.lists(st.tuples(similarities, similarities), min_size=FEWEST_SIGHTINGS, max_size=80))
def test_measured_errors_are_within_what_is_stated(pairs):
    scores = scores_of(pairs)
    found = measured_thresholds(CALIBRATED, scores, known=True)
    best = np.maximum(scores.own, scores.other)
    assert (best < found.new_below).mean() <= TRUSTED.target
    if found.same_from is None:
        assert (scores.other >= best.max()).mean() > TRUSTED.target or (scores.other >= scores.own)[
            best == best.max()
        ].mean() > TRUSTED.target
        return
    assert found.same_from >= CALIBRATED.same_from
    assert found.new_below <= found.same_from
    assert (scores.other >= found.same_from).mean() <= TRUSTED.target
    assigned = best >= found.same_from
    assert not assigned.any() or (scores.other >= scores.own)[assigned].mean() <= TRUSTED.target


def test_clear_cases_are_decided_and_the_line_says_on_what():
    clear = scores_of([(0.9, 0.1)] * 30)
    found = measured_thresholds(CALIBRATED, clear, known=True)
    assert found.same_from == pytest.approx(0.7)
    assert found.new_below == pytest.approx(0.7)
    assert "30 sightings of people whom a person knows" in found.text
    assert "trust medium" in found.text
    assert "\n" not in found.text
    assert "errors may be larger" in measured_thresholds(CALIBRATED, clear, known=False).text


def test_few_sightings_decide_nothing_and_given_thresholds_stay():
    few = scores_of([(0.9, 0.1)] * (FEWEST_SIGHTINGS - 1))
    found = measured_thresholds(CALIBRATED, few, known=True)
    assert (found.same_from, found.new_below) == (None, None)
    assert "19 sightings" in found.text
    assert "say whom some new crops show" in found.text, "confirming who is measured already adds no sighting"
    given_by_hand = Thresholds.choose(None, same_from=0.6)
    assert measured_thresholds(given_by_hand, few, known=True) is given_by_hand


def test_sightings_are_scored_without_themselves():
    generator = np.random.default_rng(0)
    rows = units(generator, 24)
    sightings = {1: [[0, 1], [2, 3, 4]], 2: [[5, 6], [7]], 3: [[8, 9, 10]]}
    index = PersonIndex(32)
    for person, some in sightings.items():
        index.add(person, rows[[row for part in some for row in part]])
    scores = score_sightings(index, sightings, lambda some: rows[list(some)])
    expected = []
    for person, some in sightings.items():
        for part in some if len(some) > 1 else []:
            rest = [row for other in some if other is not part for row in other]
            others = [[r for p in sightings[o] for r in p] for o in sightings if o != person]
            nearest = lambda against: float((rows[part] @ rows[against].T).max(axis=1).mean())  # noqa: B023
            expected.append((nearest(rest), max(map(nearest, others))))
    np.testing.assert_allclose(np.stack([scores.own, scores.other], axis=1), expected, atol=1e-6)
    assert len(scores) == 4
