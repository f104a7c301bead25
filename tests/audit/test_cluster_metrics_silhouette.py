import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import silhouette_samples

from reseen.audit import silhouette
from reseen.geometry import unit
from reseen.records import Features, PseudoLabels, contiguous


def on_circle(*degrees):
    angles = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return Features(torch.stack([angles.cos(), angles.sin()], dim=1).float())


def test_by_hand():
    """Two crops at a right angle to a third: own distance 0, next 1."""
    values = silhouette(on_circle(0, 0, 90), PseudoLabels(np.array([0, 0, 1])))
    assert values == pytest.approx([1, 1, 0])


@given(st.integers(0, 10**6), st.integers(5, 40), st.integers(2, 6))
def test_it_is_the_silhouette_of_all_pairs(seed, n, clusters):
    generator = np.random.default_rng(seed)
    rows = unit(torch.from_numpy(generator.normal(size=(n, 5)).astype(np.float32)))
    labels = contiguous(generator.integers(0, clusters, n))
    if not 2 <= labels.cluster_count < n:
        return
    slow = silhouette_samples(rows.double().numpy(), labels.labels, metric="cosine")
    assert silhouette(Features(rows), labels) == pytest.approx(slow, abs=1e-5)


def test_noise_has_none_and_is_in_no_mean(people):
    features, labels = people()
    noisy = labels.labels.copy()
    noisy[::4] = -1
    noisy = contiguous(noisy)
    kept = noisy.labels >= 0
    values = silhouette(features, noisy)
    assert np.isnan(values[~kept]).all()
    alone = silhouette(Features(features.vectors[torch.from_numpy(kept)]), PseudoLabels(noisy.labels[kept]))
    assert values[kept] == pytest.approx(alone)


def test_some_rows_have_the_values_they_have_among_all(people):
    features, labels = people()
    asked = np.array([7, 3, 50])
    assert silhouette(features, labels, asked) == pytest.approx(silhouette(features, labels)[asked])


def test_one_cluster_and_lone_crops_have_zero():
    features = on_circle(0, 10, 90)
    assert silhouette(features, PseudoLabels(np.zeros(3, np.int64))).tolist() == [0, 0, 0]
    assert silhouette(features, PseudoLabels(np.arange(3))).tolist() == [0, 0, 0]
    assert np.isnan(silhouette(features, PseudoLabels(np.full(3, -1)))).all()
