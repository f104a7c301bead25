import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.cluster import camera_sets, entropy_weights
from reseen.records import PseudoLabels, contiguous


def drawn(seed, count=24, clusters=5, cameras=3):
    generator = np.random.default_rng(seed)
    return contiguous(generator.integers(-1, clusters, count)), generator.integers(-1, cameras, count)


def of_cluster(labels, cameras, cluster):
    return cameras[labels.labels == cluster].tolist()


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), cameras=st.integers(0, 4))
def test_weights_equal_a_slow_loop(seed, cameras):
    labels, of_crops = drawn(seed, cameras=cameras)
    expected = {}
    for cluster in range(labels.cluster_count):
        counts = Counter(camera for camera in of_cluster(labels, of_crops, cluster) if camera >= 0)
        total = sum(counts.values())
        if total:
            entropy = -sum(n / total * math.log(n / total) for n in counts.values())
            expected[cluster] = math.log(1 + entropy)
    mean = sum(expected.values()) / len(expected) if expected else 0
    wanted = [
        expected[cluster] / mean if mean and cluster in expected else 1.0
        for cluster in range(labels.cluster_count)
    ]
    found = entropy_weights(labels, of_crops)
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    assert found.size == 0 or found.mean() == pytest.approx(1)


def test_weights_by_hand():
    labels = PseudoLabels(np.array([0, 0, 1, 1, 2, 2, -1]))
    found = entropy_weights(labels, np.array([0, 1, 0, 0, -1, -1, 1]))
    assert found.tolist() == [2.0, 0.0, 1.0]  # evenly of two cameras, of one, of unknown ones
    assert (
        entropy_weights(labels, np.zeros(7, np.int64)).tolist() == [1.0] * 3
    )  # a single camera tells nothing
    assert entropy_weights(labels, np.full(7, -1)).tolist() == [1.0] * 3


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), cameras=st.integers(0, 4))
def test_camera_sets_equal_a_slow_loop(seed, cameras):
    labels, of_crops = drawn(seed, cameras=cameras)
    sets = camera_sets(labels, of_crops)
    for cluster in range(labels.cluster_count):
        members = of_cluster(labels, of_crops, cluster)
        unknown = -1 in members
        alone = len(set(members)) == 1 and not unknown
        assert sets.only[cluster] == (members[0] if alone else -1)
        assert [bool(seen) for seen in sets.seen[cluster]] == [
            unknown or camera in members for camera in range(sets.seen.shape[1])
        ]


def test_as_many_cameras_as_labels():
    with pytest.raises(ValueError, match="3 pseudo labels but 2 cameras"):
        entropy_weights(PseudoLabels(np.array([0, 0, 1])), np.zeros(2, np.int64))
