"""Verification, camera pairs and intervals against loops over single pairs."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve
from tests.evaluate.crowds import at_degrees, features, relation, right_or_wrong, similarity, tasks

from reseen.evaluate import RetrievalTask, score
from reseen.evaluate.bootstrap import bootstrap
from reseen.evaluate.details import PairCounter
from reseen.geometry import unit
from reseen.records import Features

RATES = (0.0, 0.001, 0.05, 0.3, 1.0)


def counted(task, rates, block):
    counter = PairCounter(task, rates)
    similarities = (task.query.vectors @ task.kept_gallery.T).numpy()
    for first in range(0, len(task.query), block):
        counter.add(first, similarities[first : first + block])
    return counter.true_positive_rates()


@settings(max_examples=60)
@given(tasks(), st.sampled_from([1, 3, 100]))
def test_verification_equals_the_curve_over_all_pairs(task, block):
    pairs = [(q, g) for q in range(len(task.query)) for g in range(len(task.gallery)) if relation(task, q, g)]
    true = np.array([relation(task, q, g) == "right" for q, g in pairs])
    values = np.array([similarity(task, q, g) for q, g in pairs])
    found = counted(task, RATES, block)
    if true.all() or not true.any():
        assert np.isnan(list(found.values())).all()
        return
    false_rates, true_rates, _ = roc_curve(true, values, drop_intermediate=False)
    for rate in RATES:
        assert found[rate] == pytest.approx(true_rates[false_rates <= rate + 1e-12].max(), abs=1e-12)


@settings(max_examples=60)
@given(tasks())
def test_camera_pairs_equal_a_gallery_of_one_camera(task):
    if not task.positive_counts.any():
        return
    pairs = score(task, details=True).details.camera_pairs
    if pairs is None:
        assert len({*task.query_cameras, *task.gallery_cameras[task.kept]} - {-1}) < 2
        return
    for row, asked in enumerate(pairs.query_cameras):
        for column, camera in enumerate(pairs.gallery_cameras):
            lists = [
                right_or_wrong(task, q, lambda g, camera=camera: task.gallery_cameras[g] == camera)
                for q in np.flatnonzero(task.query_cameras == asked)
            ]
            lists = [right for right in lists if any(right)]
            assert pairs.queries[row, column] == len(lists)
            if not lists:
                assert np.isnan(pairs.mean_average_precision[row, column])
                continue
            ranks = [np.flatnonzero(right) + 1 for right in lists]
            precision = np.mean([np.mean(np.arange(1, len(r) + 1) / r) for r in ranks])
            assert pairs.mean_average_precision[row, column] == pytest.approx(precision, abs=1e-12)
            assert pairs.rank_1[row, column] == pytest.approx(np.mean([right[0] for right in lists]))


@settings(max_examples=30)
@given(tasks())
def test_details_change_no_score(task):
    if not task.positive_counts.any():
        return
    plain, detailed = score(task).to_json(), score(task, details=True).to_json()
    assert {key: detailed[key] for key in plain} == plain
    low, high = detailed["intervals"]["mAP"]
    assert 0 <= low <= high <= 1


def test_nobody_is_found_under_their_own_camera():
    people = np.array([1, 1, 2, 2])
    cameras = np.array([0, 1, 0, 1])
    task = RetrievalTask(at_degrees(0, 5, 90, 95), at_degrees(1, 6, 91, 96), people, cameras, people, cameras)
    pairs = score(task, details=True).details.camera_pairs
    assert pairs.queries.tolist() == [[0, 2], [2, 0]]
    assert pairs.to_json()["mAP"] == [[None, 1.0], [1.0, None]]


def test_bootstrap_equals_a_loop_over_people():
    generator = np.random.default_rng(5)
    people = generator.integers(1, 15, 60)
    values = generator.random(60)
    values[generator.random(60) < 0.2] = np.nan
    known = ~np.isnan(values)
    names = np.unique(people[known])
    counts = np.random.default_rng(3).multinomial(len(names), np.full(len(names), 1 / len(names)), size=200)
    means = []
    for drawn in counts:
        chosen = []
        for name, times in zip(names, drawn, strict=True):
            chosen += list(values[known & (people == name)]) * times
        means.append(np.mean(chosen))
    found = bootstrap(values, people, seed=3, samples=200)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])))


def test_bootstrap_is_seeded_and_widens_where_people_differ():
    people = np.repeat(np.arange(1, 41), 5)
    alike = np.tile([0.0, 1.0, 0.0, 1.0, 0.5], 40)
    by_person = np.repeat(np.arange(40) % 2, 5).astype(float)
    values = np.random.default_rng(0).random(200)
    assert bootstrap(values, people, seed=1) == bootstrap(values, people, seed=1)
    assert bootstrap(values, people, seed=1) != bootstrap(values, people, seed=2)
    assert bootstrap(alike, people).high - bootstrap(alike, people).low < 1e-9
    assert bootstrap(by_person, people).high - bootstrap(by_person, people).low > 0.2
    with pytest.raises(ValueError, match="at least one value"):
        bootstrap(np.full(3, np.nan), np.arange(3))


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    """People with a hit share of their own, drawn anew 200 times: the mean of all people lies inside in most."""
    inside = 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        share = generator.beta(2, 2, 60).repeat(4)
        found = bootstrap(
            (generator.random(240) < share).astype(float), np.arange(60).repeat(4), seed, samples=300
        )
        inside += found.low <= 0.5 <= found.high
    assert 175 <= inside <= 199


def test_many_pairs_are_settled_block_by_block():
    generator = torch.Generator().manual_seed(0)
    draw = np.random.default_rng(0)
    query, gallery = (Features(unit(torch.randn(n, 4, generator=generator))) for n in (64, 400))
    task = RetrievalTask(
        query,
        gallery,
        draw.integers(1, 6, 64),
        np.zeros(64, int),
        draw.integers(1, 6, 400),
        np.ones(400, int),
    )
    whole, parts = counted(task, (1e-2,), 64), counted(task, (1e-2,), 2)
    assert whole == parts
    assert 0 < whole[1e-2] < 1


def test_json_of_details_is_plain():
    task = RetrievalTask(
        features(np.eye(2)), features(np.eye(2)), *(np.array([1, 2]), np.array([0, 0])), np.array([1, 2]),
        np.array([1, 1]),
    )  # fmt: skip
    made = score(task, details=True).to_json()
    assert made["true_positive_rate_at_false_positive_rate"] == {"0.0001": 1.0, "0.001": 1.0, "0.01": 1.0}
    assert made["intervals"]["level"] == 0.95
    assert made["camera_pairs"]["rank_1"] == [[1.0]]
