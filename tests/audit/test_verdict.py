"""The verdict: better, no different, worse, or cannot say."""

from dataclasses import replace

import numpy as np
import pytest
from tests.audit.test_signals import drawn, probe

from reseen.audit import Probe, best_index, judge, round_scores, should_stop, verdict_lines
from reseen.audit.verdict import HALVES_MARGIN, MARGIN, _outcome
from reseen.errors import DataError


@pytest.mark.parametrize("tracklets", [True, False])
def test_a_clearly_better_encoder_is_better_and_the_reverse_is_worse(tracklets):
    bad, good = (probe(noise=noise, tracklets=tracklets) for noise in (1.2, 0.3))
    there, back = judge(bad, good), judge(good, bad)
    assert (there.outcome, back.outcome) == ("better", "worse")
    assert there.interval[0] > MARGIN
    assert there.before == pytest.approx(back.after)
    assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]))
    change = there.after - there.before
    assert there.interval[0] < change < there.interval[1]


def test_an_encoder_is_no_different_from_itself():
    found = judge(probe(), probe())
    assert found.outcome == "no different"
    assert found.interval == (0.0, 0.0)


def test_a_collapse_that_makes_neighbors_stable_is_worse():
    """What the geometric mean of stability, compactness and mixing called better."""

    def collapsed(rows):
        return np.round(rows[:, :3]) + 0.01 * rows[:, :3]

    good, bad = probe(noise=0.4, tracklets=False), probe(noise=0.4, tracklets=False, map_features=collapsed)
    assert judge(good, bad).outcome == "worse"


def test_views_alone_show_nothing_of_people():
    """Views are found better, and nothing else has changed."""
    before, after = (probe(noise=0.8, jitter=jitter, tracklets=False) for jitter in (2.0, 0.3))
    found = judge(before, after)
    assert found.interval[0] > MARGIN
    assert found.outcome == "cannot say"


@pytest.mark.parametrize(
    ("score", "halves", "least", "outcome"),
    [
        ((0.03, 0.05), (0.01, 0.05), HALVES_MARGIN, "better"),
        ((0.03, 0.05), (-0.002, 0.05), HALVES_MARGIN, "cannot say"),
        ((0.03, 0.05), (-0.002, 0.05), -HALVES_MARGIN, "better"),
        ((0.03, 0.05), (-0.01, 0.05), -HALVES_MARGIN, "cannot say"),
        ((0.03, 0.05), (-0.02, -0.01), -HALVES_MARGIN, "worse"),
        ((-0.05, -0.03), (0.01, 0.05), HALVES_MARGIN, "worse"),
        ((-0.05, 0.05), (0.01, 0.05), HALVES_MARGIN, "cannot say"),
        ((-0.01, 0.01), (-0.004, 0.004), HALVES_MARGIN, "no different"),
        ((-0.01, 0.01), (-0.004, 0.01), HALVES_MARGIN, "cannot say"),
    ],
)
def test_both_intervals_decide(score, halves, least, outcome):
    assert _outcome(score, halves, least) == outcome


def test_too_few_crops_are_said():
    rows = drawn(np.eye(20))
    given = Probe(rows, rows, np.arange(20))
    found = judge(given, given)
    assert found.outcome == "cannot say"
    assert found.before is found.after is found.interval is None
    assert "20 crops are too few" in found.reason


@pytest.mark.parametrize("tracklets", [True, False])
def test_crops_told_apart_one_by_one_are_no_people(tracklets):
    """What training on shuffled labels does: views of a crop are found, people are not."""
    before, after = probe(0.4, jitter=1.0, tracklets=tracklets), probe(3.0, jitter=0.1, tracklets=tracklets)
    found = judge(before, after)
    views = {signal.name: signal.after - signal.before for signal in found.signals}
    assert views["own_view"] > 0.1
    assert views["half_agreement"] < -0.1
    assert found.outcome == "worse"
    assert found.halves_interval[0] < views["half_agreement"] < found.halves_interval[1]
    said = "The score rose, but the two halves do not agree enough for `better`" in " ".join(
        verdict_lines(found, "untrained", "mine")
    )
    assert (
        said == (found.interval[0] > MARGIN) == (not tracklets)
    )  # without their tracklets' signals, the score rises


def test_probes_of_other_crops_are_refused():
    one = probe()
    with pytest.raises(DataError, match="the same crops"):
        judge(one, _first(one, 8))


def test_the_same_seed_gives_the_same_interval():
    bad, good = probe(noise=1.2), probe(noise=0.3)
    assert judge(bad, good, seed=3) == judge(bad, good, seed=3)


def test_sentences_name_both_sides_and_lead_to_the_questions():
    bad, good = probe(noise=1.2), probe(noise=0.3)
    better = verdict_lines(judge(bad, good), "untrained", "mine")
    assert better[0].startswith(
        "mine is better than untrained: 120 crops searched among 240, by views and tracklets"
    )
    assert better[1].startswith("Evidence: a crop is found by another view of itself")
    assert len(better) == 2
    worse = verdict_lines(judge(good, bad), "untrained", "mine")
    assert worse[0].startswith("mine is worse than untrained")
    assert "--verify" in worse[-1]


def _first(given, crops):
    """The probe with other views of the first crops alone."""
    kept = given.rows < crops
    return replace(given, views=drawn(given.views.numpy[kept]), rows=given.rows[kept])


def test_rounds_are_scored_from_the_log():
    scores = round_scores(
        [{"audit_score": None}, {"audit_score": 0.4}, {"audit_score": 0.9}, {"clusters": 3}]
    )
    assert scores == [None, 0.4, 0.9, None]
    assert best_index(scores) == 2
    assert best_index([None, None]) is None
    assert best_index([0.5, 0.5]) == 0


def test_a_round_whose_half_agreement_fell_is_not_the_best():
    def row(score, halves):
        return {"audit_score": score, "half_agreement": halves}

    rising = [row(0.4, 0.3), row(0.6, 0.35), row(0.9, 0.2), row(0.5, 0.3 - HALVES_MARGIN / 2), row(0.7, None)]
    assert round_scores(rising) == [0.4, 0.6, None, 0.5, 0.7]
    assert round_scores([row(0.4, None), row(0.6, 0.3), row(0.9, 0.2)]) == [0.4, 0.6, None]


def test_training_stops_when_the_best_is_long_past():
    assert not should_stop([], 1)
    assert not should_stop([None, 0.5, 0.4], 2)
    assert should_stop([None, 0.5, 0.4, 0.45], 2)
    assert not should_stop([None, 0.5, 0.4, 0.6], 2)
    with pytest.raises(ValueError, match="at least 1"):
        should_stop([0.5], 0)
