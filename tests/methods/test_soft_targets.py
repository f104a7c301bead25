"""Soft targets in every method that contrasts with centroids."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.methods.test_camera_contrast import around

from reseen.errors import SettingsError
from reseen.losses import soft_cross_entropy, weighted_cross_entropy
from reseen.methods.soft_targets import SoftTargets, SoftTargetsSettings
from reseen.neighbors import JaccardSettings, jaccard_distance, nearest
from reseen.records import Features, contiguous, to_index_tensor
from reseen.runs.recipe import load_recipe
from reseen.training.loop import make_batch

FLAG = "--method.soft-targets.share 0.2"
ALL = {"share": 0.3, "neighbors": 5, "from_round": 1}


def drawn(seed, count=24):
    generator = np.random.default_rng(seed)
    vectors = torch.from_numpy(generator.normal(size=(count, 6))).float()
    return Features(torch.nn.functional.normalize(vectors, dim=1)), contiguous(
        generator.integers(-1, 5, count)
    )


def begun(features, labels, number=1, **values):
    soft = SoftTargets(SoftTargetsSettings.model_validate({**ALL, **values}), around(None))
    soft.begin_round(features, labels, number)
    return soft


def spread(labels, row, order, share):
    """The target of a row whose neighbors are the rows of `order`; a slow loop."""
    known = [labels.labels[other] for other in order if labels.labels[other] >= 0]
    target = np.zeros(labels.cluster_count)
    for cluster in known:
        target[cluster] += share / len(known)
    target[labels.labels[row]] += 1 - share if known else 1
    return target


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), neighbors=st.integers(1, 30))
def test_targets_are_spread_over_the_clusters_of_the_nearest_by_cosine(seed, neighbors):
    features, labels = drawn(seed)
    rows = np.flatnonzero(labels.labels >= 0)
    index = torch.from_numpy(rows)
    targets = begun(features, labels, neighbors=neighbors).targets(
        to_index_tensor(labels.labels)[index], index, labels.cluster_count
    )
    similarity = features.vectors @ features.vectors.T
    similarity.fill_diagonal_(-2)
    order = similarity.argsort(dim=1, descending=True)[:, : min(neighbors, 23)]
    expected = [spread(labels, row, order[row].tolist(), 0.3) for row in rows]
    np.testing.assert_allclose(targets.numpy(), expected, atol=1e-6)


def test_targets_are_spread_over_the_clusters_of_the_nearest_by_jaccard_distance():
    features, labels = drawn(3)
    jaccard = {"k1": 8, "k2": 1}
    soft = begun(features, labels, distance="jaccard", jaccard=jaccard, neighbors=3)
    matrix = jaccard_distance(
        features, nearest(features, 8), JaccardSettings.model_validate(jaccard), 0.95
    ).tocoo()
    rows = np.flatnonzero(labels.labels >= 0)
    index = torch.from_numpy(rows)
    targets = soft.targets(to_index_tensor(labels.labels)[index], index, labels.cluster_count)
    for row, found in zip(rows, targets.numpy(), strict=True):
        near = sorted(
            (distance, other)
            for at, other, distance in zip(matrix.row, matrix.col, matrix.data, strict=True)
            if at == row and other != row
        )
        expected = spread(labels, row, [other for _, other in near[:3]], 0.3)
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(("number", "values"), [(1, {"from_round": 2}), (9, {"share": 0})])
def test_targets_are_hard_before_the_first_round_of_soft_ones_and_without_a_share(number, values):
    features, labels = drawn(0)
    soft = begun(features, labels, number, **values)
    assert soft.targets(torch.zeros(2, dtype=torch.long), torch.zeros(2, dtype=torch.long), 5) is None


def test_every_round_has_neighbors_of_its_own():
    features, labels = drawn(0)
    soft, row = begun(features, labels), torch.tensor([int(np.flatnonzero(labels.labels >= 0)[0])])
    own = to_index_tensor(labels.labels)[row]
    before = soft.targets(own, row, labels.cluster_count)
    soft.begin_round(drawn(1)[0], labels, 2)
    assert not torch.equal(soft.targets(own, row, labels.cluster_count), before)


@pytest.mark.parametrize("values", [{}, {"soft_targets": ALL}])
def test_the_contrast_is_the_cross_entropy_with_the_targets_of_the_round(begin, values):
    training, plan = begin("cluster-contrast", **values)
    training.encoder.train()
    labels = to_index_tensor(plan.clustering.labels.labels)
    batch, method = make_batch(training, next(iter(plan.batches)), labels), training.method
    step = method.losses(batch)
    logits = step.features @ method.memory.vectors.T / 0.05
    targets = method._soft.targets(batch.labels, batch.rows, logits.shape[1])
    assert (targets is not None) == bool(values)
    hard = weighted_cross_entropy(logits, batch.labels)
    expected = hard if targets is None else soft_cross_entropy(logits, targets)
    torch.testing.assert_close(step.terms["contrast"].detach(), expected)
    if targets is not None:
        assert float(expected) != float(hard)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ("--method.soft-targets.neighbors 3", "set method.soft_targets.share"),
        (f"{FLAG} --method.soft-targets.jaccard.k1 9", "set method.soft_targets.distance to jaccard"),
        (f"{FLAG} --train.rounds 1", "set train.rounds to 2 or more"),
        (
            f"{FLAG} --method.soft-targets.distance jaccard --method.soft-targets.jaccard.k1 auto",
            "need numbers",
        ),
    ],
)
def test_a_setting_without_effect_or_value_is_refused(flags, named):
    with pytest.raises(SettingsError, match=named):
        load_recipe("cluster-contrast", flags.split())
