import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.losses import extend_samples, extension_step


def unit(values):
    return torch.nn.functional.normalize(values, dim=1)


def slow(features, labels, centroids, step):
    """Written from the formula."""
    found = []
    for feature, label in zip(features, labels.tolist(), strict=True):
        others = [cluster for cluster in range(len(centroids)) if cluster != label]
        nearest = max(others, key=lambda cluster: float(feature @ centroids[cluster]))
        moved = feature + step * (centroids[nearest] - centroids[label])
        found.append(moved / moved.norm())
    return torch.stack(found)


@settings(max_examples=25)
@given(batch=st.integers(1, 6), clusters=st.integers(2, 5), step=st.floats(0, 2), seed=st.integers(0, 1000))
def test_samples_equal_a_slow_loop(batch, clusters, step, seed):
    generator = torch.Generator().manual_seed(seed)
    features = unit(torch.randn(batch, 4, generator=generator, dtype=torch.float64))
    centroids = unit(torch.randn(clusters, 4, generator=generator, dtype=torch.float64))
    labels = torch.randint(0, clusters, (batch,), generator=generator)
    found = extend_samples(features, labels, centroids, step)
    torch.testing.assert_close(found, slow(features, labels, centroids, step))
    torch.testing.assert_close(found.norm(dim=1), torch.ones(batch, dtype=torch.float64))


def test_by_hand():
    centroids = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    feature, label = torch.tensor([[0.8, 0.6]]), torch.tensor([0])
    halfway = extend_samples(feature, label, centroids, 0.5)  # towards the second centroid
    torch.testing.assert_close(halfway, unit(torch.tensor([[0.3, 1.1]])))
    torch.testing.assert_close(extend_samples(feature, label, centroids, 0.0), feature)
    assert torch.equal(extend_samples(feature, label, centroids[:1], 0.5), feature)  # a single cluster


def test_the_nearest_centroid_may_be_a_row_s_own_and_is_not_taken():
    centroids = unit(torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]))
    found = extend_samples(centroids[:1], torch.tensor([0]), centroids, 0.5)
    torch.testing.assert_close(found, unit(centroids[:1] + 0.5 * (centroids[1] - centroids[0])))


def test_gradients_reach_features_alone():
    generator = torch.Generator().manual_seed(0)
    features = unit(torch.randn(3, 4, generator=generator, dtype=torch.float64)).requires_grad_()
    centroids = unit(torch.randn(5, 4, generator=generator, dtype=torch.float64)).requires_grad_()
    labels = torch.tensor([0, 4, 2])
    assert torch.autograd.gradcheck(lambda rows: extend_samples(rows, labels, centroids, 0.3), features)
    extend_samples(features, labels, centroids, 0.3)[:, 0].sum().backward()
    assert features.grad is not None
    assert centroids.grad is None


@given(progress=st.floats(0, 1), degree=st.floats(0, 4))
def test_samples_are_moved_farther_as_training_proceeds(progress, degree):
    step = extension_step(progress, degree)
    assert step == pytest.approx(0.5 * (0.5 * degree * math.log((math.e - 1) * progress + 1)))
    assert 0 <= step <= extension_step(1, degree) + 1e-12
    assert extension_step(0, degree) == 0
    assert extension_step(1, degree) == pytest.approx(degree / 4)
