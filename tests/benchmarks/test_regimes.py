"""Broken arms of the regimes are broken as they say."""

import numpy as np
from benchmarks.regimes import shuffled_labels

from reseen.cluster import Clustering
from reseen.methods.cluster_contrast import ClusterContrast
from reseen.records import PseudoLabels


def test_labels_are_shuffled_within_the_context_alone(monkeypatch):
    labels = np.where(np.arange(200) % 5, np.arange(200) // 20, -1)
    monkeypatch.setattr(ClusterContrast, "_cluster", lambda self, features: Clustering(PseudoLabels(labels)))
    with shuffled_labels(0):
        shuffled = ClusterContrast._cluster(None, None).labels.labels
    assert (shuffled != labels).any()
    assert (np.bincount(shuffled + 1) == np.bincount(labels + 1)).all()
    assert ((shuffled < 0) == (labels < 0)).all()  # outliers stay outliers
    assert (ClusterContrast._cluster(None, None).labels.labels == labels).all()
