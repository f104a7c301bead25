import numpy as np
import torch

from reseen.cluster import center_cameras, merge_features, prune
from reseen.methods import MethodContext
from reseen.methods.sphere_contrast import SphereContrast, SphereContrastSettings
from reseen.records import Features


def features_of(count=60):
    generator = torch.Generator().manual_seed(0)
    centers = torch.randn(6, 16, generator=generator)[torch.arange(count) % 6]
    vectors = centers + 0.5 * torch.randn(count, 16, generator=generator)
    return Features(torch.nn.functional.normalize(vectors, dim=1))


def labels_under(values, cameras=None):
    settings = SphereContrastSettings.model_validate(values)
    around = MethodContext(None, cameras, torch.Generator(), torch.device("cpu"))
    method = SphereContrast(settings, around)
    return method.begin_round(features_of(), 1).clustering.labels, settings


def test_its_clusters_are_merged_from_the_features_and_lone_crops_sit_out():
    found, settings = labels_under({})
    expected = prune(features_of(), merge_features(features_of(), settings.clustering), 2).labels
    assert np.array_equal(found.labels, expected.labels)
    assert np.bincount(found.labels[found.labels >= 0]).min() >= 2


def test_centering_and_every_setting_of_the_hierarchy_reach_it():
    cameras = np.arange(60) % 2
    found, settings = labels_under(
        {"center_cameras": True, "clustering": {"stop": "clusters", "clusters": 6}}, cameras
    )
    centered = center_cameras(features_of(), cameras)
    expected = prune(centered, merge_features(centered, settings.clustering), 2).labels
    assert np.array_equal(found.labels, expected.labels)
    assert found.cluster_count <= 6


def test_centroids_are_one_per_cluster():
    around = MethodContext(None, None, torch.Generator(), torch.device("cpu"))
    method = SphereContrast(SphereContrastSettings(smallest_cluster=1), around)
    plan = method.begin_round(features_of(), 1)
    assert len(method.memory.vectors) == plan.clustering.labels.cluster_count
    assert plan.clustering.labels.noise_share == 0
