import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.cluster import DbscanSettings, cluster_features, group_near_copies
from reseen.cluster.clustering import Clustering
from reseen.cluster.near_copies import cluster_distinct
from reseen.neighbors import JaccardSettings
from reseen.records import Features, PseudoLabels


def pictures(count, seed=0):
    """Smooth pictures with room at the border for shifts, in cells of 0 to 255."""
    coarse = torch.rand(count, 1, 6, 4, generator=torch.Generator().manual_seed(seed))
    return 255 * torch.nn.functional.interpolate(coarse, (40, 24), mode="bicubic", align_corners=False)[:, 0]


def cut(images, down=0, right=0):
    return images[:, 4 + down : 36 + down, 4 + right : 20 + right]


def correlation(one, other):
    return np.corrcoef(one.flatten(), other.flatten())[0, 1]


def best_correlation(one, other):
    """The largest correlation of the cells that lie upon each other, over all shifts by up to two cells."""
    rows, columns = one.shape
    best = -1.0
    for down in range(-2, 3):
        for right in range(-2, 3):
            cells = [
                (y, x)
                for y in range(rows)
                for x in range(columns)
                if 0 <= y + down < rows and 0 <= x + right < columns
            ]
            here = np.array([one[y, x] for y, x in cells])
            there = np.array([other[y + down, x + right] for y, x in cells])
            best = max(best, correlation(here, there))
    return best


def coarse(image):
    return image.reshape(16, 2, 8, 2).mean(axis=(1, 3))


@settings(max_examples=5)
@given(
    shifts=st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=3, max_size=3),
    gain=st.floats(0.5, 1.5),
    offset=st.floats(0, 30),
)
def test_groups_are_those_of_all_pairs_looked_at_one_by_one(shifts, gain, offset):
    images = [cut(pictures(3))]
    images += [gain * cut(pictures(3), *shift)[[place]] + offset for place, shift in enumerate(shifts)]
    every = torch.cat(images)
    cells = every.numpy()
    expected = list(range(len(cells)))
    for second in range(len(cells)):
        for first in range(second):
            looked_at = correlation(coarse(cells[first]), coarse(cells[second])) >= 0.75
            if looked_at and best_correlation(cells[first], cells[second]) >= 0.94:
                old, new = expected[second], expected[first]
                expected = [min(old, new) if label in (old, new) else label for label in expected]
    assert group_near_copies(every).tolist() == expected


def test_copies_of_another_exposure_are_found():
    images = cut(pictures(12))
    assert group_near_copies(torch.cat([images, 0.6 * images + 20])).tolist() == [*range(12), *range(12)]


def test_more_copies_than_neighbors_are_one_picture():
    assert group_near_copies(cut(pictures(1)).repeat(150, 1, 1)).tolist() == [0] * 150


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
    features = Features(torch.nn.functional.normalize(torch.randn(5, 4), dim=1))
    found = Clustering(PseudoLabels(np.array([0, -1, 0])))
    clustering = cluster_distinct(features, np.array([0, 1, 0, 3, 1]), lambda _: found)
    assert clustering.labels.labels.tolist() == [0, -1, 0, 0, -1]
    assert clustering.notes == ("2 near-copies follow the crop that they repeat",)


def test_clusters_are_those_of_the_pool_without_its_copies(crowd):
    features, _ = crowd(10, 8)
    copies = np.concatenate([np.arange(80), np.arange(80)])
    twice = type(features)(features.vectors[torch.from_numpy(copies)])
    options = JaccardSettings(k1=8, k2=3), DbscanSettings()
    once = cluster_features(features, *options).labels.labels
    assert (cluster_features(twice, *options, copies=copies).labels.labels == once[copies]).all()
