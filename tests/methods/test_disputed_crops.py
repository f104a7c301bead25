"""Crops that are disputed by clusters within their camera, in methods that contrast with centroids."""

import numpy as np
import pytest
import torch
from tests.methods.test_camera_contrast import around

from reseen.cluster import Clustering, cluster_within_cameras, disputed_crops
from reseen.errors import SettingsError
from reseen.geometry import unit
from reseen.methods.cluster_contrast import ClusterContrast, ClusterContrastSettings
from reseen.methods.disputed_crops import drop_disputed
from reseen.methods.sphere_contrast import SphereContrastSettings
from reseen.records import Features, PseudoLabels
from reseen.runs.recipe import load_recipe

PEOPLE, CAMERAS, EACH = 6, 3, 6
CLUSTERING = {"eps": 0.6, "min_samples": 3, "jaccard": {"k1": 6, "k2": 1}}


def crowd():
    """Six people, each six times under three cameras, near a direction of their own; their cameras and people."""
    noise = torch.randn(PEOPLE * CAMERAS * EACH, 16, generator=torch.Generator().manual_seed(0))
    people = torch.arange(PEOPLE).repeat_interleave(CAMERAS * EACH)
    cameras = np.tile(np.repeat(np.arange(CAMERAS), EACH), PEOPLE)
    return Features(unit(torch.eye(16)[people] + 0.02 * noise)), cameras, people.numpy()


def confused():
    """Clusters of the crowd's people, but for two crops of person 0 under camera 1 that are among person 1."""
    labels = crowd()[2].copy()
    swapped = np.flatnonzero((labels == 0) & (crowd()[1] == 1))[:2]
    labels[swapped] = 1
    return Clustering(PseudoLabels(labels), notes=("as found",)), swapped


def settings(**values):
    return ClusterContrastSettings.model_validate({"clustering": CLUSTERING, "drop_disputed": True, **values})


def test_crops_among_another_person_are_dropped_and_counted():
    features, cameras, _ = crowd()
    clustering, swapped = confused()
    found = drop_disputed(features, clustering, settings(), around(cameras), 0)
    assert np.flatnonzero(found.labels.labels < 0).tolist() == swapped.tolist()
    note = "2 crops (2%) are disputed by clusters within their camera and excluded"
    assert found.notes == ("as found", note)


def test_crops_of_unknown_camera_and_of_cameras_with_too_few_crops_are_kept():
    features, cameras, _ = crowd()
    clustering, swapped = confused()
    cameras[swapped[0]] = -1
    cameras[swapped[1]] = 7  # the only crop of a camera
    found = drop_disputed(features, clustering, settings(), around(cameras), 0)
    assert np.array_equal(found.labels.labels, clustering.labels.labels)
    assert "0 crops (0%)" in found.notes[-1]


@pytest.mark.parametrize("cameras", [None, np.zeros(108, np.int64), np.full(108, -1), np.arange(108) % 2 - 1])
def test_without_cameras_and_with_a_single_one_nothing_happens(cameras):
    clustering, _ = confused()
    assert drop_disputed(crowd()[0], clustering, settings(), around(cameras), 0) is clustering


def test_nothing_is_dropped_where_fewer_than_two_clusters_would_remain():
    features, cameras, people = crowd()
    labels = np.where(people == 0, 0, -1)
    labels[people == 1] = np.where(np.arange(18) % 3 == 0, 1, -1)  # most of person 1 are outliers
    found = drop_disputed(features, Clustering(PseudoLabels(labels)), settings(), around(cameras), 0)
    assert np.array_equal(found.labels.labels, labels)
    assert found.notes == (
        "6 crops (6%) are disputed by clusters within their camera; without them fewer than two clusters remain, "
        "so none is excluded",
    )


def test_clusters_that_become_too_small_are_dropped_where_the_clustering_finds_no_outliers():
    features, cameras, people = crowd()
    labels = people.copy()
    labels[np.flatnonzero(people == 0)[:4]] = 6  # four of six crops of person 0 under camera 0
    labels[np.flatnonzero(people == 1)[:1]] = 6
    values = {"clustering": {"stop": "clusters", "clusters": 6}, "drop_disputed": True, "smallest_cluster": 5}
    merged = SphereContrastSettings.model_validate(values)
    found = drop_disputed(features, Clustering(PseudoLabels(labels)), merged, around(cameras), 0)
    assert set(found.labels.labels[labels == 6]) == {-1}
    assert found.labels.cluster_count == 6


def test_a_round_drops_what_clusters_of_its_own_features_within_cameras_dispute():
    features, cameras, _ = crowd()
    cameras = np.random.default_rng(0).integers(0, 2, len(cameras))
    noise = torch.randn(features.vectors.shape, generator=torch.Generator().manual_seed(1))
    blurred = Features(unit(features.vectors + 0.2 * noise))
    values = {"center_cameras": False, "clustering": {**CLUSTERING, "jaccard": {"k1": 8, "k2": 1}}}
    before = ClusterContrast(settings(**values, drop_disputed=False), around(cameras))
    labels = before.begin_round(blurred, 1).clustering.labels
    after = ClusterContrast(settings(**values), around(cameras)).begin_round(blurred, 1).clustering
    clustering = settings(**values).clustering

    def cluster(rows):
        return clustering.cluster(Features(blurred.vectors[torch.from_numpy(rows)])).labels

    disputed = disputed_crops(labels, cluster_within_cameras(cameras, cluster))
    assert disputed.any()
    assert np.array_equal(after.labels.labels < 0, (labels.labels < 0) | disputed)
    assert after.notes[-1].startswith(f"{disputed.sum()} crops")


def test_it_is_refused_without_cameras():
    with pytest.raises(SettingsError, match="set cameras to true"):
        load_recipe("cluster-contrast", ["--cameras", "false", "--method.drop-disputed", "true"])
