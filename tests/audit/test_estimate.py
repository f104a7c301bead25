from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from reseen.audit import Stratum, Tally, precision, proportion, recall

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
