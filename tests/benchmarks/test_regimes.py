"""Pools of the regimes are as they say, as are the arms that are broken on purpose."""

import numpy as np
import torch
from benchmarks.protocols.regimes import REGIMES
from benchmarks.regimes import pool_map, shuffled_labels

from reseen.cluster import Clustering
from reseen.methods.cluster_contrast import ClusterContrast
from reseen.records import Features, PseudoLabels


def test_labels_are_shuffled_within_the_context_alone(monkeypatch):
    labels = np.where(np.arange(200) % 5, np.arange(200) // 20, -1)
    monkeypatch.setattr(ClusterContrast, "_cluster", lambda self, features: Clustering(PseudoLabels(labels)))
    with shuffled_labels(0):
        shuffled = ClusterContrast._cluster(None, None).labels.labels
    assert (shuffled != labels).any()
    assert (np.bincount(shuffled + 1) == np.bincount(labels + 1)).all()
    assert ((shuffled < 0) == (labels < 0)).all()  # outliers stay outliers
    assert (ClusterContrast._cluster(None, None).labels.labels == labels).all()


def test_nobody_is_in_two_cameras_where_cameras_are_separate():
    generator = np.random.default_rng(0)
    identities, cameras = generator.integers(1, 501, 5000), generator.integers(0, 6, 5000)
    rows = REGIMES["separate-cameras"].choose(identities, cameras, generator)
    places = set(zip(identities[rows].tolist(), cameras[rows].tolist(), strict=True))
    assert len(places) == len(np.unique(identities[rows])) == 400
    for person, camera in places:
        assert np.sum((identities == person) & (cameras == camera)) == np.sum(identities[rows] == person) > 1


def test_crops_of_a_person_in_one_camera_match_only_where_nobody_is_in_two():
    identities = np.array([1, 1, 2, 2])
    near = Features(torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]))
    assert pool_map(near, identities, np.array([0, 0, 1, 1])) == 1
    assert pool_map(near, identities, np.zeros(4, dtype=np.int64)) == 1
    assert (
        pool_map(near, identities, np.array([0, 1, 0, 0])) == 1
    )  # queries are those of the first person alone
