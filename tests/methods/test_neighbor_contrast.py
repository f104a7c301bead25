"""The contrast with nearest crops in every method that contrasts with centroids."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.methods.test_camera_contrast import around

from reseen.errors import SettingsError
from reseen.geometry import unit
from reseen.methods.neighbor_contrast import NeighborContrast, NeighborContrastSettings
from reseen.records import Features, contiguous, to_index_tensor
from reseen.runs.recipe import load_recipe
from reseen.training.loop import make_batch

FLAG = "--method.neighbor-contrast.weight 0.5"
ALL = {"weight": 0.5, "neighbors": 4, "from_round": 1}


def drawn(seed, count=20):
    generator = np.random.default_rng(seed)
    features, clustered = (
        Features(unit(torch.from_numpy(generator.normal(size=(count, 6))).float())) for _ in range(2)
    )
    return features, clustered, contiguous(generator.integers(-1, 5, count))


def begun(features, clustered, labels, number=1, **values):
    contrast = NeighborContrast(NeighborContrastSettings.model_validate({**ALL, **values}), around(None))
    contrast.begin_round(features, clustered, labels, number)
    return contrast


def by_loop(features, clustered, labels, rows, count, weight, temperature=0.05):
    """The loss of the crops `rows` whose features are those of the bank; a slow loop."""
    similarity = (clustered.vectors @ clustered.vectors.T).fill_diagonal_(-2)
    near = [set(row.argsort(descending=True)[:count].tolist()) for row in similarity]
    losses = []
    for row in rows:
        positives = [other for other in near[row] if row in near[other]]
        negatives = [
            other
            for other in range(len(features))
            if other != row and other not in near[row] and labels.labels[other] != labels.labels[row]
        ]
        logits = (features.vectors @ features.vectors[row] / temperature).double()
        total = logits[positives + negatives].logsumexp(0)
        losses.append(float(np.mean([float(total - logits[p]) for p in positives])) if positives else 0.0)
    return weight * float(np.mean(losses))


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), count=st.integers(1, 12))
def test_it_is_the_loop_over_mutual_neighbors_and_what_may_not_be_the_same(seed, count):
    features, clustered, labels = drawn(seed)
    rows = np.flatnonzero(labels.labels >= 0)
    contrast, index = begun(features, clustered, labels, neighbors=count), torch.from_numpy(rows)
    terms = contrast.terms(features.vectors[index], index)
    expected = by_loop(features, clustered, labels, rows, count, 0.5)
    np.testing.assert_allclose(float(terms["neighbors"]), expected, rtol=1e-4, atol=1e-5)


def test_a_step_moves_the_rows_of_its_crops_by_the_momentum():
    features, clustered, labels = drawn(0)
    contrast, rows = begun(features, clustered, labels, momentum=0.25), torch.tensor([2, 5])
    fresh = unit(torch.randn(2, 6, generator=torch.Generator().manual_seed(0)))
    contrast.after_step(fresh, rows)
    expected = features.vectors.clone()
    expected[rows] = unit(0.25 * features.vectors[rows] + 0.75 * fresh)
    torch.testing.assert_close(contrast._bank.vectors, expected)


@pytest.mark.parametrize(("number", "values"), [(1, {"from_round": 2}), (9, {"weight": 0})])
def test_before_its_first_round_and_without_a_weight_there_is_no_term(number, values):
    features, clustered, labels = drawn(0)
    contrast, rows = begun(features, clustered, labels, number, **values), torch.tensor([0, 1])
    assert contrast.terms(features.vectors[rows], rows) == {}
    contrast.after_step(features.vectors[rows], rows)


def test_a_pool_with_fewer_crops_than_neighbors_uses_them_all():
    features, clustered, labels = drawn(0, count=3)
    contrast, rows = begun(features, clustered, labels, neighbors=50), torch.tensor([0, 1, 2])
    assert float(contrast.terms(features.vectors, rows)["neighbors"]) > 0


@pytest.mark.parametrize("name", ["cluster-contrast", "maskpre"])
@pytest.mark.parametrize("values", [{}, {"neighbor_contrast": ALL}])
def test_methods_that_contrast_with_centroids_have_the_term_where_it_is_enabled(begin, name, values):
    training, plan = begin(name, **values)
    training.encoder.train()
    labels = to_index_tensor(plan.clustering.labels.labels)
    step = training.method.losses(make_batch(training, next(iter(plan.batches)), labels))
    assert ("neighbors" in step.terms) == bool(values)
    step.loss.backward()
    training.method.after_step(step)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ("--method.neighbor-contrast.neighbors 3", "set method.neighbor_contrast.weight"),
        (f"{FLAG} --train.rounds 1", "set train.rounds to 2 or more"),
    ],
)
def test_a_setting_without_effect_is_refused(flags, named):
    with pytest.raises(SettingsError, match=named):
        load_recipe("cluster-contrast", flags.split())
