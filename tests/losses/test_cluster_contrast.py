import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.losses import cluster_contrast


def unit(values):
    return torch.nn.functional.normalize(values, dim=1)


def slow(features, labels, centroids, temperature):
    """Written from the formula."""
    total = 0.0
    for feature, label in zip(features.tolist(), labels.tolist(), strict=True):
        scores = [
            math.exp(sum(a * b for a, b in zip(feature, c, strict=True)) / temperature)
            for c in centroids.tolist()
        ]
        total -= math.log(scores[label] / sum(scores))
    return total / len(labels)


@settings(max_examples=25)
@given(batch=st.integers(1, 6), clusters=st.integers(1, 5), seed=st.integers(0, 1000))
def test_equals_a_slow_loop(batch, clusters, seed):
    generator = torch.Generator().manual_seed(seed)
    features = unit(torch.randn(batch, 4, generator=generator, dtype=torch.float64))
    centroids = unit(torch.randn(clusters, 4, generator=generator, dtype=torch.float64))
    labels = torch.randint(0, clusters, (batch,), generator=generator)
    found = cluster_contrast(features, labels, centroids, 0.05)
    assert math.isclose(float(found), slow(features, labels, centroids, 0.05), rel_tol=1e-9, abs_tol=1e-9)
    order = torch.randperm(batch, generator=generator)
    assert torch.allclose(cluster_contrast(features[order], labels[order], centroids, 0.05), found)


def test_by_hand():
    feature = torch.tensor([[1.0, 0.0]])
    assert (
        float(cluster_contrast(feature, torch.tensor([0]), torch.tensor([[0.0, 1.0]]), 0.05)) == 0
    )  # one cluster
    zeros = torch.zeros(7, 2)
    assert math.isclose(
        float(cluster_contrast(feature, torch.tensor([3]), zeros, 0.05)), math.log(7), rel_tol=1e-6
    )


def test_gradients_reach_features_alone():
    features = unit(torch.randn(3, 4, dtype=torch.float64)).requires_grad_()
    centroids = unit(torch.randn(5, 4, dtype=torch.float64)).requires_grad_()
    labels = torch.tensor([0, 4, 2])
    cluster_contrast(features, labels, centroids, 0.5).backward()
    assert features.grad is not None
    assert centroids.grad is None
    assert torch.autograd.gradcheck(lambda f: cluster_contrast(f, labels, centroids, 0.5), features)


@settings(max_examples=25)
@given(batch=st.integers(1, 6), clusters=st.integers(1, 5), seed=st.integers(0, 1000))
def test_weights_and_excluded_clusters_equal_a_slow_loop(batch, clusters, seed):
    generator = torch.Generator().manual_seed(seed)
    features = unit(torch.randn(batch, 4, generator=generator, dtype=torch.float64))
    centroids = unit(torch.randn(clusters, 4, generator=generator, dtype=torch.float64))
    labels = torch.randint(0, clusters, (batch,), generator=generator)
    weights = torch.rand(batch, generator=generator, dtype=torch.float64)
    excluded = torch.rand(batch, clusters, generator=generator) < 0.5
    excluded[torch.arange(batch), labels] = False
    expected = 0.0
    for row in range(batch):
        kept = ~excluded[row]
        own = int(kept[: labels[row]].sum())  # the place of the own cluster among those that are left
        expected += float(weights[row]) * slow(
            features[row : row + 1], torch.tensor([own]), centroids[kept], 0.05
        )
    found = cluster_contrast(features, labels, centroids, 0.05, weights, excluded)
    assert math.isclose(float(found), expected / batch, rel_tol=1e-9, abs_tol=1e-9)


def test_weights_of_one_change_nothing():
    features, centroids = unit(torch.randn(3, 4)), unit(torch.randn(5, 4))
    labels = torch.tensor([0, 4, 2])
    plain = cluster_contrast(features, labels, centroids, 0.5)
    torch.testing.assert_close(cluster_contrast(features, labels, centroids, 0.5, torch.ones(3)), plain)
    nothing = torch.zeros(3, 5, dtype=torch.bool)
    assert torch.equal(cluster_contrast(features, labels, centroids, 0.5, None, nothing), plain)
