"""The first answers that the report shows are the ones that were scored."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import auc, average_precision_score, precision_recall_curve
from tests.evaluate.crowds import at_degrees, right_or_wrong, tasks

from reseen.errors import DataError
from reseen.evaluate import RetrievalTask, rank_positives, score, top_ranked
from reseen.evaluate.ranking import PositiveRanks, average_precisions
from reseen.evaluate.task import JUNK
from reseen.geometry import unit
from reseen.records import Features


@pytest.fixture
def task():
    generator = torch.Generator().manual_seed(3)
    numbers = np.random.default_rng(3)
    query, gallery = (Features(unit(torch.randn(n, 8, generator=generator))) for n in (6, 80))
    return RetrievalTask(
        query,
        gallery,
        numbers.integers(1, 5, 6),
        numbers.integers(0, 3, 6),
        numbers.integers(JUNK, 5, 80),
        numbers.integers(0, 3, 80),
    )


def test_whole_list_holds_the_scored_ranks(task):
    ranking = top_ranked(task, np.arange(6), count=80)
    scored = rank_positives(task)
    for query in range(6):
        expected = scored.ranks[scored.offsets[query] : scored.offsets[query + 1]]
        np.testing.assert_array_equal(np.flatnonzero(ranking.right[query]) + 1, expected)


def test_rows_are_allowed_and_descend(task):
    ranking = top_ranked(task, np.array([4, 1]), count=5)
    assert ranking.query_rows.tolist() == [4, 1]
    assert ranking.gallery_rows.shape == (2, 5)
    assert (np.diff(ranking.similarities, axis=1) <= 0).all()
    for query, rows, right in zip(ranking.query_rows, ranking.gallery_rows, ranking.right, strict=True):
        people = task.gallery_identities[rows]
        assert (people != JUNK).all()
        np.testing.assert_array_equal(people == task.query_identities[query], right)
        own = right & (task.gallery_cameras[rows] == task.query_cameras[query])
        assert not own.any()


def test_short_list_is_filled_up(task):
    small = RetrievalTask(
        task.query,
        Features(task.gallery.vectors[:2]),
        task.query_identities,
        task.query_cameras,
        np.array([9, 9]),
        np.array([0, 1]),
    )
    ranking = top_ranked(small, np.array([0]), count=4)
    assert (ranking.gallery_rows[0, :2] >= 0).all()
    assert ranking.gallery_rows[0, 2:].tolist() == [-1, -1]
    assert not ranking.right.any()


def test_tied_wrong_answer_is_shown_first():
    east = torch.tensor([[1.0, 0.0]])
    task = RetrievalTask(
        Features(east),
        Features(east.repeat(3, 1)),
        np.array([1]),
        np.array([0]),
        np.array([1, 2, 1]),
        np.ones(3, int),
    )
    assert top_ranked(task, np.array([0]), count=3).gallery_rows.tolist() == [[1, 0, 2]]


@given(tasks())
def test_ranks_are_those_of_a_slow_loop(task):
    scored = rank_positives(task)
    for query in range(len(task.query)):
        expected = np.flatnonzero(right_or_wrong(task, query)) + 1
        np.testing.assert_array_equal(
            scored.ranks[scored.offsets[query] : scored.offsets[query + 1]], expected
        )


def test_queries_of_no_one_and_two_right_answers():
    """By hand: the gallery is at 10, 20, 30 and 40 degrees from every query."""
    task = RetrievalTask(
        at_degrees(0, 0, 0), at_degrees(10, 20, 30, 40), np.array([9, 1, 2]), np.zeros(3, int),
        np.array([2, 3, 1, 2]), np.ones(4, int),
    )  # fmt: skip
    scored = rank_positives(task)
    assert scored.offsets.tolist() == [0, 0, 1, 3]
    assert scored.ranks.tolist() == [3, 1, 4]


@pytest.mark.parametrize(("queries", "gallery"), [(0, 2), (2, 0), (0, 0)])
def test_empty_sides_have_no_ranks(queries, gallery):
    sides = [Features(torch.eye(2)[:count]) for count in (queries, gallery)]
    labels = [np.arange(1, count + 1) for count in (queries, queries, gallery, gallery)]
    scored = rank_positives(RetrievalTask(*sides, *labels))
    assert len(scored.ranks) == 0
    assert scored.offsets.tolist() == [0] * (queries + 1)


def test_raw_features_rank_by_euclidean_distance(task):
    generator = torch.Generator().manual_seed(4)
    query, gallery = (torch.randn(n, 8, generator=generator) * torch.rand(n, 1) for n in (6, 80))
    raw = dataclasses.replace(task, query=Features(query, raw=True), gallery=Features(gallery, raw=True))
    ranking = top_ranked(raw, np.arange(6), count=80)
    scored = rank_positives(raw)
    for place in range(6):
        rows = ranking.gallery_rows[place][ranking.gallery_rows[place] >= 0]
        distances = (gallery[rows] - query[place]).square().sum(dim=1)
        assert (distances.diff() >= -1e-5).all()
        similarities = torch.from_numpy(ranking.similarities[place, : len(rows)])
        assert torch.allclose(similarities, 1 - distances / 2, atol=1e-5)
        expected = scored.ranks[scored.offsets[place] : scored.offsets[place + 1]]
        np.testing.assert_array_equal(np.flatnonzero(ranking.right[place]) + 1, expected)
    assert score(raw).to_json()["rules"]["similarity"].startswith("Euclidean")
    assert score(task).to_json()["rules"]["similarity"].startswith("cosine")


def test_unit_and_raw_features_are_not_mixed(task):
    with pytest.raises(DataError, match="both be unit vectors, or both raw"):
        dataclasses.replace(task, query=Features(task.query.vectors, raw=True))


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


def test_first_and_last_rank_of_queries_with_no_one_and_two_matches():
    found = PositiveRanks(np.array([4, 2, 7]), np.array([0, 0, 1, 3]))
    assert found.first.tolist() == [0, 4, 2]
    assert found.last.tolist() == [0, 4, 7]
