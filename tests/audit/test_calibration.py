import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.audit import Calibration, Evidence, calibrate
from reseen.errors import DataError


def evidence(seed=0, count=4000, share=0.5, gap=0.5):
    generator = np.random.default_rng(seed)
    same = (generator.random(count) < share).astype(float)
    similarity = np.clip(generator.normal(0.1 + gap * same, 0.15), -1, 1)
    ones = np.ones(count)
    return Evidence(
        similarity, same, ones, np.arange(count), ("drawn pairs",), "high", "it is known", "pairs"
    )


def calibrated(**changes):
    return calibrate(evidence(**changes), np.random.default_rng(1))


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(0.05, 0.95))
def test_probability_never_falls_and_stays_between_0_and_1(seed, share):
    found = calibrated(seed=seed, share=share)
    for prior in (None, 0.01, 0.5):
        values = found.probability(np.linspace(-1, 1, 301), prior)
        assert (np.diff(values) >= 0).all()
        assert 0 <= values.min() <= values.max() <= 1


def test_probabilities_come_true_on_other_pairs():
    found, other = calibrated(), evidence(seed=7, count=40_000)
    said = found.probability(other.similarity)
    for low in (0.1, 0.3, 0.5, 0.7):
        inside = (said >= low) & (said < low + 0.2)
        assert other.same[inside].mean() == pytest.approx(said[inside].mean(), abs=0.08)


def test_threshold_and_errors_are_those_of_the_normal_distributions():
    """Two means 0.5 apart with deviation 0.15 cross in the middle, 1.67 deviations from either."""
    found, other = calibrated(count=20_000), evidence(seed=9, count=40_000)
    assert found.threshold == pytest.approx(0.35, abs=0.03)
    above = other.similarity >= found.threshold
    assert found.false_match_rate == pytest.approx(above[other.same == 0].mean(), abs=0.015)
    assert found.miss_rate == pytest.approx((~above)[other.same == 1].mean(), abs=0.015)
    assert found.false_match_interval[0] <= found.false_match_rate <= found.false_match_interval[1]


def test_intervals_hold_the_rates_of_the_threshold():
    held = 0
    other = evidence(seed=99, count=100_000)
    for seed in range(60):
        found = calibrated(seed=seed, count=600)
        truth = (other.similarity < found.threshold)[other.same == 1].mean()
        held += found.miss_interval[0] <= truth <= found.miss_interval[1]
    assert held >= 50  # the threshold is chosen on the same pairs, which makes errors look a little smaller


def test_another_prior_is_the_rule_of_bayes():
    """The same two kinds, mixed one to nine: what was calibrated on half and half is moved there."""
    even, rare = calibrated(count=40_000), calibrated(count=40_000, share=0.1)
    x = np.linspace(0.2, 0.7, 11)
    assert even.probability(x, 0.1) == pytest.approx(rare.probability(x), abs=0.08)
    assert even.probability(x, even.prior) == pytest.approx(even.probability(x), abs=1e-9)
    with pytest.raises(ValueError, match="between 0 and 1"):
        even.probability(x, 1.0)


def test_weights_are_counts():
    one = evidence(count=500)
    two = Evidence(
        np.tile(one.similarity, 2),
        np.tile(one.same, 2),
        np.ones(1000),
        np.tile(one.group, 2),
        ("",),
        "low",
        "",
        "",
    )
    heavy = Evidence(one.similarity, one.same, np.full(500, 2.0), one.group, ("",), "low", "", "")
    first, second = (calibrate(e, np.random.default_rng(0)) for e in (two, heavy))
    assert first.probabilities == pytest.approx(second.probabilities)
    assert first.threshold == second.threshold


def test_a_file_gives_it_back():
    found = calibrated()
    assert Calibration.from_json(json.dumps(found.to_json())) == found
    assert Calibration.from_json(found.to_json()) == found


@pytest.mark.parametrize("broken", ["{}", "no json", '{"similarities": [1]}'])
def test_a_damaged_file_says_so(broken):
    with pytest.raises(DataError, match="make it again with `reseen audit`"):
        Calibration.from_json(broken)


def test_a_map_that_falls_is_refused():
    values = calibrated().to_json()
    values["probabilities"] = values["probabilities"][::-1]
    with pytest.raises(DataError, match="must ascend"):
        Calibration.from_json(values)


def test_too_few_of_a_kind_is_an_error():
    with pytest.raises(DataError, match="20 pairs each"):
        calibrated(count=100, share=0.05)
