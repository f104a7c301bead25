from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binomtest

from reseen.audit import (
    Stratum,
    Tally,
    allocate_questions,
    draw_pairs,
    pair_pool,
    plan_strata,
    precision,
    proportion,
    recall,
)


def counted(features, labels, stratum):
    """The pairs of a stratum, one by one."""
    rows, found = features.numpy, []
    for first, second in combinations(range(len(rows)), 2):
        together = labels.labels[first] == labels.labels[second] and labels.labels[first] >= 0
        similarity = rows[first] @ rows[second]
        if together == stratum.together and stratum.low <= similarity < stratum.high:
            found.append((first, second))
    return found


def test_sizes_are_those_of_counting(people):
    features, labels = people()
    strata = plan_strata(features, labels)
    for stratum in strata:
        assert stratum.pairs == pytest.approx(
            len(counted(features, labels, stratum)), abs=2
        )  # an edge may round
    together = sum(stratum.pairs for stratum in strata if stratum.together)
    assert together == 12 * 10 * 9 / 2
    apart = [stratum.pairs for stratum in strata if not stratum.together]
    assert np.cumsum(apart) == pytest.approx([0.25 * together, together, 4 * together], rel=0.1)
    lows = [stratum.low for stratum in strata if not stratum.together]
    assert lows == sorted(lows, reverse=True)


def test_pairs_are_of_their_stratum_and_no_pair_comes_twice(people):
    features, labels = people()
    strata = plan_strata(features, labels)
    drawn = draw_pairs(features, labels, strata, [20] * len(strata), np.random.default_rng(0))
    seen = set()
    for stratum, pairs in zip(strata, drawn, strict=True):
        assert len(pairs) == 20
        assert {tuple(pair) for pair in pairs.tolist()} <= set(counted(features, labels, stratum))
        seen |= {tuple(pair) for pair in pairs.tolist()}
    assert len(seen) == 20 * len(strata)
    again = draw_pairs(features, labels, strata, [20] * len(strata), np.random.default_rng(1), seen)
    assert not seen & {tuple(pair) for pairs in again for pair in pairs.tolist()}


def test_every_pair_of_a_stratum_has_equal_chances(people):
    features, labels = people(people=4, each=5)
    stratum = plan_strata(features, labels)[0]
    pairs = counted(features, labels, stratum)
    hits = dict.fromkeys(pairs, 0)
    generator = np.random.default_rng(0)
    for _ in range(600):
        for pair in draw_pairs(features, labels, [stratum], [3], generator)[0].tolist():
            hits[tuple(pair)] += 1
    expected = 600 * 3 / len(pairs)
    chi = sum((count - expected) ** 2 / expected for count in hits.values())
    assert chi < 3 * len(pairs)


def test_a_stratum_gives_no_more_than_it_has(people):
    features, labels = people(people=3, each=3)
    strata = plan_strata(features, labels)
    drawn = draw_pairs(features, labels, strata, [1000] * len(strata), np.random.default_rng(0))
    assert [len(pairs) for pairs in drawn] == [len(counted(features, labels, stratum)) for stratum in strata]


def test_sizes_are_estimated_where_not_all_rows_are_looked_at(people, monkeypatch):
    features, labels = people(people=30, each=20)
    whole = plan_strata(features, labels)
    monkeypatch.setattr(pair_pool, "MAX_CELLS", 300 * len(features))
    part = plan_strata(features, labels)
    assert [one.pairs for one in part] == pytest.approx([one.pairs for one in whole], rel=0.25)
    drawn = draw_pairs(features, labels, part, [5] * len(part), np.random.default_rng(0))
    assert all((pairs[:, 0] < pairs[:, 1]).all() for pairs in drawn)


def test_noise_is_together_with_nobody(people):
    features, labels = people(people=3, each=4)
    noise = type(labels)(np.full(len(labels), -1))
    strata = plan_strata(features, noise)
    assert not [stratum for stratum in strata if stratum.together]
    assert sum(stratum.pairs for stratum in strata) == pytest.approx(4 * len(features), rel=0.1)


def test_questions_are_shared_out(people):
    features, labels = people()
    strata = plan_strata(features, labels)
    counts = allocate_questions(strata, 180)
    assert sum(counts) == pytest.approx(180, abs=3)
    assert sum(counts[:3]) == pytest.approx(90, abs=2)
    assert counts[3] < counts[4] < counts[5]
    assert allocate_questions([strata[0]], 10) == [10]


SIZES = (5000, 5000, 5000, 3750, 11_250, 45_000)
STRATA = [Stratum(f"s{place}", place < 3, 0, 1, float(size)) for place, size in enumerate(SIZES)]
ANSWERS = (30, 30, 30, 18, 27, 45)


def tallies(same, answers=ANSWERS):
    return [
        Tally(stratum, int(one), int(count - one))
        for stratum, one, count in zip(STRATA, same, answers, strict=True)
    ]


def truth(rates):
    right = [size * rate for size, rate in zip(SIZES, rates, strict=True)]
    return sum(right[:3]) / sum(SIZES[:3]), sum(right[:3]) / sum(right)


@pytest.mark.parametrize(
    "rates",
    [
        (0.4, 0.7, 0.95, 0.4, 0.15, 0.03),  # a run of Market-1501 in small
        (0.9, 0.97, 0.99, 0.1, 0.03, 0.005),  # good clusters, few lost pairs among very many
        (0.1, 0.3, 0.6, 0.3, 0.2, 0.1),  # bad clusters
        (0.8, 0.9, 0.99, 0.3, 0.1, 0.02),
    ],
)
def test_intervals_of_95_percent_hold_the_truth_in_92_to_98_percent_of_draws(rates):
    generator = np.random.default_rng(0)
    right, found = truth(rates)
    draws, held, values = 1000, np.zeros(2), []
    for _ in range(draws):
        drawn = tallies(generator.binomial(ANSWERS, rates))
        estimates = precision(drawn), recall(drawn)
        held += [one.low <= value <= one.high for one, value in zip(estimates, (right, found), strict=True)]
        values.append([one.value for one in estimates])
    assert (held >= 0.92 * draws).all()
    assert (held <= 0.98 * draws).all()
    mean = np.mean(values, axis=0)
    assert mean[0] == pytest.approx(right, abs=0.01)  # unbiased
    assert mean[1] == pytest.approx(found, abs=0.02)  # a ratio: nearly


def test_by_hand():
    two = [
        Tally(Stratum("a", True, 0, 1, 100.0), 8, 2),
        Tally(Stratum("b", True, 0, 1, 300.0), 5, 5),
        Tally(Stratum("c", False, 0, 1, 1000.0), 1, 9),
    ]
    assert precision(two).value == pytest.approx((80 + 150) / 400)
    assert recall(two).value == pytest.approx(230 / (230 + 100))


@pytest.mark.parametrize(("right", "answers"), [(0, 10), (3, 10), (10, 10), (17, 45)])
def test_a_share_has_the_intervals_of_the_textbook(right, answers):
    exact = proportion(right, answers, exact=True)
    peer = binomtest(right, answers).proportion_ci(method="exact")
    if 0 < right < answers:
        assert (exact.low, exact.high) == pytest.approx((peer.low, peer.high))
    jeffreys = proportion(right, answers)
    assert exact.low <= jeffreys.low <= jeffreys.value <= jeffreys.high <= exact.high


def test_one_stratum_gives_its_own_interval():
    alone = [Tally(STRATA[0], 21, 9)]
    assert precision(alone).low == pytest.approx(proportion(21, 30).low)
    assert precision(alone).high == pytest.approx(proportion(21, 30).high)


def test_more_answers_narrow_it():
    few, many = (
        tallies([15, 21, 28, 7, 4, 1]),
        tallies([150, 210, 280, 70, 40, 10], [10 * n for n in ANSWERS]),
    )
    for estimate in (precision, recall):
        assert estimate(many).high - estimate(many).low < 0.5 * (estimate(few).high - estimate(few).low)


def test_a_stratum_without_an_answer_leaves_it_open():
    open_ = tallies([15, 21, 28, 7, 4, 1])
    open_[1] = replace(open_[1], same=0, different=0)
    assert precision(open_) is None
    assert recall(open_) is None
    assert precision([]) is None
    assert proportion(0, 0).high == 1


@pytest.mark.parametrize("same", [(0, 0, 0, 0, 0, 0), (0, 0, 0, 3, 2, 1), (30, 30, 30, 0, 0, 0)])
def test_extremes_stay_between_0_and_1(same):
    for estimate in (precision(tallies(same)), recall(tallies(same))):
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_words():
    assert str(proportion(8, 10)).startswith("80 % (")
