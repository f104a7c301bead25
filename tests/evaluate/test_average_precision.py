"""The two rules against the area they stand for, walked place by place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import auc, average_precision_score, precision_recall_curve
from tests.evaluate.crowds import at_degrees

from reseen.evaluate import RetrievalTask, score
from reseen.evaluate.average_precision import average_precisions
from reseen.evaluate.ranking import PositiveRanks

LISTS = st.lists(st.booleans(), min_size=1, max_size=40).filter(any)


def ranks_of(right):
    ranks = np.flatnonzero(right) + 1
    return PositiveRanks(ranks, np.array([0, len(ranks)]))


def walked(right, rule):
    """Down the list: the area gained between the last precision and this one, over recall."""
    total, found, before = 0.0, 0, 1.0
    for place, hit in enumerate(right, start=1):
        found += hit
        precision = found / place
        if hit:
            total += (precision if rule == "step" else (before + precision) / 2) / sum(right)
        before = precision
    return total


@given(LISTS)
def test_both_rules_equal_a_walk_down_the_list(right):
    for rule in ("step", "trapezoid"):
        assert average_precisions(ranks_of(right), rule)[0] == pytest.approx(walked(right, rule), abs=1e-12)


@given(LISTS)
def test_both_rules_equal_scikit_learn(right):
    similarities = -np.arange(len(right), dtype=float)
    precision, recall, _ = precision_recall_curve(right, similarities)
    found = ranks_of(right)
    assert average_precisions(found)[0] == pytest.approx(average_precision_score(right, similarities))
    assert average_precisions(found, "trapezoid")[0] == pytest.approx(auc(recall, precision))


@given(LISTS)
def test_the_trapezoid_is_never_above_the_step(right):
    step, trapezoid = (average_precisions(ranks_of(right), rule)[0] for rule in ("step", "trapezoid"))
    assert trapezoid <= step + 1e-12


def test_by_hand_and_named_in_the_score():
    """Right answers at places 1 and 3: (1 + 1) / 2 and (1/2 + 2/3) / 2."""
    people, camera = np.array([1, 2, 1]), np.ones(3, int)
    task = RetrievalTask(at_degrees(0), at_degrees(10, 20, 30), np.array([1]), np.array([0]), people, camera)
    made = score(task, average_precision="trapezoid")
    assert made.mean_average_precision == pytest.approx((1 + (1 / 2 + 2 / 3) / 2) / 2)
    assert made.to_json()["rules"]["average_precision"] == "trapezoid"
    assert score(task).mean_average_precision == pytest.approx((1 + 2 / 3) / 2)
