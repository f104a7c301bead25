import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reseen.cluster import DbscanSettings, cluster_features, group_near_copies
from reseen.cluster.clustering import Clustering
from reseen.cluster.near_copies import with_copies
from reseen.neighbors import JaccardSettings
from reseen.records import PseudoLabels


def pictures(count, seed=0):
    """Smooth pictures with room at the border for shifts, in cells of 0 to 255."""
    coarse = torch.rand(count, 1, 4, 3, generator=torch.Generator().manual_seed(seed))
    return 255 * torch.nn.functional.interpolate(coarse, (40, 24), mode="bicubic", align_corners=False)[:, 0]


def cut(images, down=0, right=0):
    return images[:, 4 + down : 36 + down, 4 + right : 20 + right]


@given(down=st.integers(-2, 2), right=st.integers(-2, 2), gain=st.floats(0.5, 1.5), offset=st.floats(0, 30))
def test_a_shifted_copy_of_another_exposure_is_a_near_copy(down, right, gain, offset):
    images = pictures(12)
    both = torch.cat([cut(images), gain * cut(images, down, right) + offset])
    assert group_near_copies(both).tolist() == [*range(12), *range(12)]


def test_different_pictures_are_no_copies():
    assert group_near_copies(cut(pictures(200))).tolist() == list(range(200))


def test_crops_of_two_cameras_are_no_copies_of_each_other():
    images = cut(pictures(3))
    cameras = np.array([0, 0, 0, 1, 1, 1])
    assert group_near_copies(torch.cat([images, images]), cameras).tolist() == list(range(6))


def test_crops_of_a_single_value_are_nobodys_copies():
    assert group_near_copies(torch.full((5, 32, 16), 7.0)).tolist() == list(range(5))


@pytest.mark.parametrize("count", [0, 1])
def test_pools_too_small_to_hold_a_copy(count):
    assert group_near_copies(cut(pictures(count))).tolist() == list(range(count))


def test_copies_get_the_label_of_their_first_crop():
    clustering = with_copies(Clustering(PseudoLabels(np.array([0, -1, 0]))), np.array([0, 1, 0, 3, 1]))
    assert clustering.labels.labels.tolist() == [0, -1, 0, 0, -1]
    assert clustering.notes == ("2 near-copies follow the crop that they repeat",)


def test_clusters_are_those_of_the_pool_without_its_copies(crowd):
    features, _ = crowd(10, 8)
    copies = np.concatenate([np.arange(80), np.arange(80)])
    twice = type(features)(features.vectors[torch.from_numpy(copies)])
    settings = JaccardSettings(k1=8, k2=3), DbscanSettings()
    once = cluster_features(features, *settings).labels.labels
    assert (cluster_features(twice, *settings, copies=copies).labels.labels == once[copies]).all()
