"""Every clustering of the package passes the suite that outside clusterings can run."""

import numpy as np
import pytest
import torch

from reseen.cluster.clusterings import CLUSTERINGS, DbscanClustering, HierarchicalClustering
from reseen.geometry import unit
from reseen.records import Features
from reseen.testing import ClusteringConformance
from reseen.testing import conformance_crowd as conformance_crowd

SETTINGS = {
    "dbscan": {"jaccard": {"k1": 8, "k2": 3}},
    "hdbscan": {"jaccard": {"k1": 8, "k2": 3}},
    "hierarchy": {"stop": "clusters", "clusters": 12},
}
ON_THE_CROWD = {"dbscan": {"eps": "auto"}, "hdbscan": {"min_cluster_size": 2, "min_samples": 2}}


def _class(name):
    members = {"name": name, "settings": SETTINGS[name], "crowd_settings": ON_THE_CROWD.get(name, {})}
    return type(f"Test{name.title()}", (ClusteringConformance,), members)


for _name in CLUSTERINGS:
    globals()[f"Test{_name.title()}"] = _class(_name)


def test_every_clustering_has_settings_here():
    assert set(SETTINGS) == set(CLUSTERINGS)


def test_a_clustering_that_breaks_a_promise_fails(monkeypatch):
    """The suite can fail: labels that change from call to call are caught."""

    class Drawing(DbscanClustering):
        def cluster(self, features, context=None):
            found = super().cluster(features)
            np.random.default_rng().shuffle(found.labels.labels)
            return found

    monkeypatch.setitem(CLUSTERINGS, "dbscan", Drawing)
    suite = _class("dbscan")()
    people = ClusteringConformance.people.__wrapped__(suite)
    with pytest.raises(AssertionError):
        suite.test_it_gives_the_same_twice_and_changes_nothing(people)


def test_the_share_that_a_step_merges_is_of_the_first_clusters():
    vectors = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
    features = Features(unit(torch.from_numpy(vectors)))
    clustering = HierarchicalClustering(stop="steps", steps=9, share=0.1, regularizer="none")
    _, cost = clustering.grow(features, np.arange(40) // 2, share_of=40)
    assert len(cost) == 4  # a tenth of 40, though 20 clusters are left
