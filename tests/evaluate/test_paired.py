"""The difference of two scores, query by query."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.evaluate.crowds import tasks

from reseen.errors import DataError
from reseen.evaluate import score
from reseen.evaluate.paired import paired_difference


def with_precision(task, precision):
    """A score of the task with other average precisions."""
    from dataclasses import replace

    return replace(score(task), per_query_average_precision=np.asarray(precision, dtype=float))


@given(tasks(), st.integers(0, 2**32 - 1))
def test_it_is_the_mean_over_queries_and_turns_around(task, seed):
    assume(task.positive_counts.any())
    generator = np.random.default_rng(seed)
    known = task.positive_counts > 0
    one, other = (np.where(known, generator.random(len(known)).round(1), np.nan) for _ in range(2))
    first, second = with_precision(task, one), with_precision(task, other)
    there = paired_difference(first, second, task.query_identities)
    back = paired_difference(second, first, task.query_identities)
    changes = [after - before for before, after in zip(one, other, strict=True) if not np.isnan(before)]
    assert there.mean_average_precision == pytest.approx(sum(changes) / len(changes))
    assert there.queries == len(changes)
    assert there.share_better == back.share_worse == sum(change > 0 for change in changes) / len(changes)
    assert (there.interval.low, there.interval.high) == pytest.approx(
        (-back.interval.high, -back.interval.low)
    )
    opposite = {"better": "worse", "worse": "better", "no different": "no different"}
    assert back.outcome == opposite[there.outcome]


@given(tasks())
def test_a_score_is_no_different_from_itself(task):
    assume(task.positive_counts.any())
    found = paired_difference(score(task), score(task), task.query_identities)
    assert found.outcome == "no different"
    assert found.mean_average_precision == found.share_better == found.share_worse == 0


def test_a_small_gain_on_every_query_is_seen_where_single_intervals_overlap():
    generator = np.random.default_rng(0)
    task = _many_queries()
    hard = generator.random(len(task.query))
    found = paired_difference(
        with_precision(task, hard * 0.9), with_precision(task, hard * 0.9 + 0.02), task.query_identities
    )
    assert found.outcome == "better"
    assert found.interval.low == pytest.approx(0.02)
    assert found.share_better == 1


def test_scores_of_other_queries_or_protocols_are_refused():
    from dataclasses import replace

    task = _many_queries()
    one = score(task)
    with pytest.raises(DataError, match="query by query"):
        paired_difference(one, replace(one, protocol="video"), task.query_identities)
    with pytest.raises(DataError, match="query by query"):
        paired_difference(one, with_precision(task, [0.5]), task.query_identities)
    nothing = with_precision(task, np.full(len(task.query), np.nan))
    with pytest.raises(DataError, match="no query has a correct match"):
        paired_difference(one, nothing, task.query_identities)


def _many_queries():
    from tests.evaluate.crowds import exact_rows, features

    from reseen.evaluate import RetrievalTask

    generator = np.random.default_rng(1)
    people = np.arange(60) % 20 + 1
    return RetrievalTask(
        features(exact_rows(generator, 60)),
        features(exact_rows(generator, 120)),
        people,
        np.zeros(60, dtype=np.int64),
        np.arange(120) % 20 + 1,
        np.ones(120, dtype=np.int64),
    )
