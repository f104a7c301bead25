"""What a calibration states, against the truth of drawn pools in which every pair is known."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.audit import AnsweredPairs, Calibration, calibrate, choose_pair, order_cells
from reseen.audit.calibration import first_match, posterior_from
from reseen.audit.next_question import expected_gain
from reseen.audit.pair_pool import PairPool
from reseen.errors import DataError, SettingsError


def drawn_pool(seed=0, count=4000, middle=0.5, steepness=12.0, top=1.0):
    """A pool of drawn pairs, and which show the same person: a logistic curve of the similarity, up to `top`."""
    generator = np.random.default_rng(seed)
    similarity = np.sort(1 - generator.gamma(4, 0.12, count).clip(0, 1.2))[::-1]
    together = generator.random(count) < 1 / (1 + np.exp(-10 * (similarity - 0.6)))
    chance = top / (1 + np.exp(-steepness * (similarity - middle) - together + 0.5))
    same = generator.random(count) < chance
    ends = (np.unique((20 * 1.25 ** np.arange(40)).astype(int))).clip(max=count)
    edges = np.unique(similarity[np.unique([*ends, count]) - 1]) - 1e-6
    empty = np.zeros((3, 2, len(edges)))
    pool = PairPool(
        np.zeros(count, int), np.ones(count, int), similarity, together, edges, empty[0],
        np.zeros(count, np.int8), *empty[1:],
    )  # fmt: skip
    np.add.at(pool.pairs.reshape(-1), pool.cell(similarity, together), 1)
    return pool, same


def answered(pool, same, rows):
    return AnsweredPairs(pool.similarity[rows], pool.together[rows], same[rows])


def ask(pool, same, count, seed=0):
    """Answers to the questions that help most, as the viewer asks them."""
    generator = np.random.default_rng(seed)
    cells = pool.cell(pool.similarity, pool.together)
    waiting = {cell: generator.permutation(np.flatnonzero(cells == cell)).tolist() for cell in set(cells)}
    rows = []
    while len(rows) < count:
        for cell in order_cells(pool, answered(pool, same, rows))[:5]:
            if waiting.get(cell):
                rows.append(waiting[cell].pop())
    return answered(pool, same, rows[:count])


def calibrated(pool, same, count, seed=0, **options):
    return calibrate(pool, ask(pool, same, count, seed), np.random.default_rng(seed), **options)


def true_errors(pool, same, threshold):
    above = pool.similarity >= threshold
    return (~same[above]).mean(), (same & ~above).sum() / same.sum()


def test_stated_errors_keep_their_promise_over_pools():
    """Pools in which nearly all, some, and nearly none of the similar pairs match; intervals to half a point."""
    held, close, trusted = 0, 0, 0
    total = 0
    for seed in range(8):
        for middle in (-0.5, 0.3, 0.6):
            pool, same = drawn_pool(seed, middle=middle)
            found = calibrated(pool, same, 200, seed)
            if found.threshold is None:
                continue
            false, missed = true_errors(pool, same, found.threshold)
            total += 2
            held += found.false_interval[0] - 0.005 <= false <= found.false_interval[1] + 0.005
            held += found.missed_interval[0] - 0.005 <= missed <= found.missed_interval[1] + 0.005
            trusted += 1
            close += abs(found.false_share - false) <= 0.05 and abs(found.missed_share - missed) <= 0.05
    assert trusted >= 12
    assert held >= 0.85 * total
    assert close >= 0.85 * trusted


def test_where_nothing_matches_there_is_no_threshold():
    """A mixture of similarities would see two kinds of pairs here."""
    pool, _ = drawn_pool()
    nothing = np.zeros(len(pool.similarity), bool)
    found = calibrated(pool, nothing, 200)
    assert found.threshold is None
    assert found.false_share is found.missed_interval is None
    assert not found.trusted or found.probabilities[-1] < 0.2


def test_where_everything_matches_the_threshold_is_the_lowest_similarity():
    pool, _ = drawn_pool()
    found = calibrated(pool, np.ones(len(pool.similarity), bool), 200)
    assert found.trust == "high"
    assert found.threshold == pytest.approx(pool.lowest)
    assert found.missed_share == 0
    assert found.false_share < 0.05


def test_few_answers_give_no_number():
    pool, same = drawn_pool()
    found = calibrated(pool, same, 20)
    assert found.trust == "low"
    assert found.threshold is None
    assert found.similarities == found.probabilities == ()
    assert np.isnan(found.probability(np.array([0.2, 0.9]))).all()
    assert found.further > 0
    assert "are needed" in found.reason


def test_no_answers_give_no_number():
    pool, same = drawn_pool()
    found = calibrate(pool, answered(pool, same, []), np.random.default_rng(0))
    assert found.trust == "low"
    assert found.reason == "no answers on similar pairs"


def test_more_answers_narrow_the_intervals():
    pool, same = drawn_pool(1)
    widths = []
    for count in (150, 600):
        found = calibrated(pool, same, count)
        widths.append(np.diff(found.false_interval)[0] + np.diff(found.missed_interval)[0])
    assert widths[1] < widths[0]


def test_when_every_pair_is_answered_the_truth_is_known():
    pool, same = drawn_pool(count=400)
    found = calibrate(pool, answered(pool, same, np.arange(400)), np.random.default_rng(0))
    false, missed = true_errors(pool, same, found.threshold)
    assert found.trust == "high"
    assert found.false_share == pytest.approx(false)
    assert found.missed_share == pytest.approx(missed)
    assert np.ptp(found.false_interval) == pytest.approx(0)


def test_probabilities_come_true():
    pool, same = drawn_pool(2, count=6000)
    found = calibrated(pool, same, 400)
    said = found.probability(pool.similarity)
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = (said >= low) & (said < low + 0.2)
        if inside.sum() > 50:
            assert same[inside].mean() == pytest.approx(said[inside].mean(), abs=0.15)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.floats(-0.5, 1.2))
def test_probability_never_falls_and_is_unknown_below_the_pool(seed, middle):
    pool, same = drawn_pool(seed, middle=middle)
    found = calibrated(pool, same, 250, seed)
    points = np.linspace(found.lowest, 1, 301)
    values = found.probability(points)
    if found.trusted:
        assert (np.diff(values) >= 0).all()
        assert 0 <= values.min() <= values.max() <= 1
    assert np.isnan(found.probability(np.array(found.lowest - 0.01)))


def test_the_posterior_is_that_of_integration():
    """One cell with answers: the mean of its logit by numbers on a grid of the marginal prior."""
    pool, _ = drawn_pool()
    cell = len(pool.edges) // 2
    similarity = np.full(9, pool.edges[cell] + 1e-9)
    given_ = AnsweredPairs(similarity, np.zeros(9, bool), np.arange(9) < 6)
    before = posterior_from(pool, AnsweredPairs(np.empty(0), np.empty(0, bool), np.empty(0, bool)))
    after = posterior_from(pool, given_)
    logits = np.linspace(-15, 15, 20_001)
    density = -0.5 * (logits - before.mode[cell]) ** 2 / before.covariance[cell, cell]
    density += -6 * np.log1p(np.exp(-logits)) - 3 * np.log1p(np.exp(logits))
    assert after.mode[cell] == pytest.approx(logits[density.argmax()], abs=2e-3)
    weights = np.exp(density - density.max())
    mean = (weights * logits).sum() / weights.sum()
    variance = (weights * (logits - mean) ** 2).sum() / weights.sum()
    assert after.covariance[cell, cell] == pytest.approx(variance, rel=0.15)


def test_the_next_answer_is_asked_where_it_narrows_most():
    """The expected gain of a cell, against fitting again with either answer."""
    pool, same = drawn_pool(3)
    given_ = ask(pool, same, 60)
    posterior = posterior_from(pool, given_)
    gain = expected_gain(posterior)
    assert gain.min() >= 0
    best, worst = int(gain.argmax()), int(np.where(gain > 0, gain, np.inf).argmin())

    def lowered(cell):
        """Mean variance of the probabilities of all cells after one more answer, over both answers."""
        ranges = len(pool.edges)
        similarity = np.append(given_.similarity, pool.edges[cell % ranges] + 1e-9)
        together = np.append(given_.together, cell >= ranges)
        chance = posterior.probability[cell]
        total = 0.0
        for verdict, weight in ((True, chance), (False, 1 - chance)):
            again = posterior_from(pool, AnsweredPairs(similarity, together, np.append(given_.same, verdict)))
            total += weight * np.trace(again.covariance)
        return np.trace(posterior.covariance) - total

    assert gain[best] > gain[worst]
    assert lowered(best) > lowered(worst)


def test_an_answered_cell_is_not_asked_again():
    pool, same = drawn_pool(count=300)
    rows = np.arange(300)
    assert order_cells(pool, answered(pool, same, rows)) == []
    cells = pool.cell(pool.similarity, pool.together)
    left = cells == cells[40]
    assert order_cells(pool, answered(pool, same, rows[~left])) == [cells[40]]


def test_questions_of_a_cell_are_spread_over_the_order_and_never_come_twice():
    """Cells of equal pairs in ten groups: after any number of questions no group has many more than another."""
    pool, same = drawn_pool(count=1000)
    pool = replace(pool, first=np.arange(1000), second=np.arange(1000, 2000))
    group = np.arange(1000) % 10
    asked, rows = set(), []
    for _ in range(60):
        pair = choose_pair(pool, answered(pool, same, rows), asked, group)
        assert pair not in asked
        asked.add(pair)
        rows.append(pair[0])
    counts = np.bincount(group[rows], minlength=10)
    assert counts.max() <= 14
    assert len(set(rows)) == 60


def test_when_all_was_asked_there_is_no_question():
    pool, same = drawn_pool(count=30)
    pool = replace(pool, first=np.arange(30), second=np.arange(30, 60))
    everything = set(zip(range(30), range(30, 60), strict=True))
    assert choose_pair(pool, answered(pool, same, []), everything, np.zeros(30, int)) is None
    left = everything - {(7, 37)}
    assert choose_pair(pool, answered(pool, same, []), left, np.zeros(30, int)) == (7, 37)


def test_the_first_match_is_where_the_share_of_false_ones_is_small():
    same, pairs = np.array([0.0, 5.0, 9.0, 10.0]), np.full(4, 10.0)
    assert first_match(same, pairs, 0.1) == 2
    assert first_match(same, pairs, 0.2) == 1
    assert first_match(same, pairs, 0.4) == 0
    assert first_match(np.zeros(4), pairs, 0.5) == 4


def test_allowing_more_false_matches_never_raises_the_threshold():
    pool, same = drawn_pool(5)
    given_ = ask(pool, same, 300)
    found = [calibrate(pool, given_, np.random.default_rng(0), share).threshold for share in (0.05, 0.2, 0.4)]
    known = [threshold for threshold in found if threshold is not None]
    assert known == sorted(known, reverse=True)


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_a_share_out_of_range_says_so(share):
    pool, same = drawn_pool(count=100)
    with pytest.raises(SettingsError, match="above 0 and below 1"):
        calibrate(pool, answered(pool, same, []), np.random.default_rng(0), share)


@pytest.mark.parametrize("count", [20, 300])
def test_a_file_gives_it_back(count):
    found = calibrated(*drawn_pool(), count)
    assert Calibration.from_json(json.dumps(found.to_json())) == found
    assert Calibration.from_json(found.to_json()) == found


def test_a_file_of_similarities_that_hardly_differ_gives_it_back():
    """An encoder without training puts all crops close together."""
    pool, same = drawn_pool()
    close = replace(pool, similarity=0.999999 + pool.similarity * 1e-6, edges=0.999999 + pool.edges * 1e-6)
    found = calibrated(close, same, 300)
    assert found.trusted
    assert Calibration.from_json(json.dumps(found.to_json())) == found


@pytest.mark.parametrize("broken", ["{}", "no json", '{"similarities": [1]}'])
def test_a_damaged_file_says_so(broken):
    with pytest.raises(DataError, match="make it again with `reseen audit`"):
        Calibration.from_json(broken)


@pytest.mark.parametrize(
    "change",
    [
        {"trust": "low"},
        {"threshold": None},
        {"false_share": None},
        {"probabilities": (1.0, 0.0)},
        {"missed_share": 2.0},
    ],
)
def test_values_that_contradict_each_other_are_refused(change):
    values = calibrated(*drawn_pool(), 400).to_json()
    assert values["threshold"] is not None
    with pytest.raises(DataError, match="make it again"):
        Calibration.from_json(values | change)
