import math

import numpy as np
import pytest
import torch

from reseen.cluster import measure_among_neighbors, measure_membership
from reseen.geometry import unit
from reseen.neighbors import nearest
from reseen.neighbors.out_of_core import Scratch
from reseen.records import Features, PseudoLabels


def circle(*degrees):
    """Unit rows at these angles."""
    angles = torch.tensor([math.radians(angle) for angle in degrees])
    return Features(torch.stack([angles.cos(), angles.sin()], dim=1))


def test_by_hand_on_a_circle():
    """Clusters at 0 and 40 degrees, whose mean is 20, and at 90 alone; noise at 180."""
    found = measure_membership(circle(0, 40, 90, 180), PseudoLabels(np.array([0, 0, 1, -1])))
    cosine = [math.cos(math.radians(angle)) for angle in (20, 20, 0)]
    assert found.similarity[:3] == pytest.approx(cosine, abs=1e-6)
    assert np.isnan(found.similarity[3])
    assert found.other.tolist() == [1, 1, 0, 1]
    expected = [math.cos(math.radians(angle)) for angle in (90, 50, 70, 90)]
    assert found.other_similarity == pytest.approx(expected, abs=1e-6)
    assert found.square_errors == pytest.approx([2 * (1 - math.cos(math.radians(20)) ** 2), 0], abs=1e-6)
    assert found.doubtful == 0


def test_an_image_nearer_to_another_cluster_is_doubtful():
    assert measure_membership(circle(0, 0, 80, 90, 90), PseudoLabels(np.array([0, 0, 0, 1, 1]))).doubtful == 1


def test_the_same_in_blocks_and_as_a_slow_loop(monkeypatch):
    monkeypatch.setattr("reseen.cluster.membership._ROWS_AT_ONCE", 7)
    generator = torch.Generator().manual_seed(1)
    features = Features(unit(torch.randn(40, 5, generator=generator)))
    labels = PseudoLabels(np.array([-1, 0, 1, 2, 3] * 8))
    done = []
    found = measure_membership(features, labels, done.append)
    assert sum(done) == 40
    rows = features.numpy.astype(np.float64)
    means = [rows[labels.labels == cluster].mean(axis=0) for cluster in range(4)]
    for row in range(40):
        cosines = [float(rows[row] @ mean / np.linalg.norm(mean)) for mean in means]
        own = labels.labels[row]
        others = [cluster for cluster in range(4) if cluster != own]
        best = max(others, key=lambda cluster: cosines[cluster])
        assert found.other[row] == best
        assert found.other_similarity[row] == pytest.approx(cosines[best], abs=1e-5)
        assert own == -1 or found.similarity[row] == pytest.approx(cosines[own], abs=1e-5)
    for cluster in range(4):
        apart = rows[labels.labels == cluster] - means[cluster]
        assert found.square_errors[cluster] == pytest.approx((apart**2).sum(), abs=1e-5)


def test_one_cluster_has_no_other_and_noise_alone_has_nothing():
    one = measure_membership(circle(0, 10), PseudoLabels(np.array([0, 0])))
    assert one.other.tolist() == [-1, -1]
    assert np.isnan(one.other_similarity).all()
    none = measure_membership(circle(0, 10), PseudoLabels(np.array([-1, -1])))
    assert np.isnan(none.similarity).all()
    assert none.square_errors.shape == (0,)


def test_among_neighbors_with_all_of_them_is_the_same(tmp_path):
    generator = np.random.default_rng(5)
    rows = torch.from_numpy(generator.normal(size=(60, 8)).astype(np.float32))
    features = Features(unit(rows))
    labels = PseudoLabels(np.concatenate([np.arange(7), generator.integers(-1, 7, 53)]))
    whole = measure_membership(features, labels)
    neighbors = nearest(features, 60)
    done = []
    ours = measure_among_neighbors(
        features, labels, neighbors, Scratch(tmp_path).unnamed, memory=1, progress=done.append
    )
    np.testing.assert_allclose(ours.similarity, whole.similarity, atol=1e-6)
    np.testing.assert_array_equal(ours.other, whole.other)
    np.testing.assert_allclose(ours.other_similarity, whole.other_similarity, atol=1e-6)
    np.testing.assert_allclose(ours.square_errors, whole.square_errors, atol=1e-9)
    assert sum(done) == 60


def test_among_neighbors_without_another_cluster_has_no_other():
    features = Features(unit(torch.tensor([[1.0, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]])))
    labels = PseudoLabels(np.array([0, 0, 1, -1]))
    ours = measure_among_neighbors(features, labels, nearest(features, 2))
    assert ours.other.tolist() == [-1, -1, -1, 1]
    assert np.isnan(ours.other_similarity[:3]).all()
    alone = measure_among_neighbors(features, labels, nearest(features, 1))
    assert (alone.other == -1).all()
