import numpy as np
import pytest
import torch

from reseen.cluster import merge_features, prune, tracklet_groups
from reseen.cluster.hierarchy import HierarchySettings, grow_hierarchy
from reseen.errors import TrainingError
from reseen.records import Features


def people(sizes, spread=0.05):
    generator = torch.Generator().manual_seed(0)
    centers = torch.randn(len(sizes), 16, generator=generator).repeat_interleave(torch.tensor(sizes), dim=0)
    vectors = centers + spread * torch.randn(sum(sizes), 16, generator=generator)
    return Features(torch.nn.functional.normalize(vectors, dim=1)), np.repeat(np.arange(len(sizes)), sizes)


def test_labels_are_those_of_the_hierarchy_and_small_clusters_sit_out():
    features, truth = people([6, 1, 5, 2, 1, 4])
    chosen = HierarchySettings(stop="clusters", clusters=6, share=None, regularizer="none")
    whole = prune(features, merge_features(features, chosen))
    assert np.array_equal(whole.labels.labels, truth)
    assert np.array_equal(whole.labels.labels, grow_hierarchy(features.numpy, chosen).labels.labels)
    some = prune(features, merge_features(features, chosen), smallest=3).labels.labels
    assert np.array_equal(some, np.array([0, -1, 1, -1, -1, 2])[truth])
    assert whole.eps is None
    assert whole.notes[0].startswith("merged to 6 clusters, as specified; the highest merge cost is 0.")


def test_no_merge_leaves_single_crops():
    features, _ = people([3, 3])
    found = merge_features(features, HierarchySettings(steps=0))
    assert found.labels.cluster_count == 6
    assert found.notes == ("merged in 0 steps, as specified, to 6 clusters",)


@pytest.mark.parametrize(("clusters", "smallest"), [(1, 1), (6, 2)])
def test_fewer_than_two_clusters_are_an_error_that_says_what_to_do(clusters, smallest):
    features, _ = people([3, 3])
    chosen = HierarchySettings(stop="clusters", clusters=clusters, share=None)
    with pytest.raises(TrainingError, match=r"expected at least two clusters of .* change method.clustering"):
        prune(features, merge_features(features, chosen), smallest)


def test_crops_of_a_tracklet_start_as_one_cluster_and_are_merged_by_their_mean():
    features, _ = people([6, 6, 6], spread=0.9)
    tracklets = np.array([0, 0, 1, 1, 1, -1, 0, 2, 2, 3, 3, 3, -1, 4, 4, 4, 4, 4])
    chosen = HierarchySettings(stop="clusters", clusters=3, share=None, regularizer="none")
    found = merge_features(features, chosen, tracklets=tracklets)
    for tracklet in range(5):
        assert len(set(found.labels.labels[tracklets == tracklet])) == 1
    assert found.notes[0].startswith("merged from 7 tracklets to 3 clusters, as specified")
    nothing = merge_features(features, HierarchySettings(steps=0), tracklets=tracklets)
    assert nothing.labels.cluster_count == 7
    plain = merge_features(features, chosen, tracklets=None).labels.labels
    assert not np.array_equal(found.labels.labels, plain)


def test_rows_of_unknown_tracklet_start_alone():
    assert tracklet_groups(None, 3).tolist() == [0, 1, 2]
    assert tracklet_groups(np.array([1, -1, 1, 0, -1]), 5).tolist() == [1, 2, 1, 0, 3]
    assert tracklet_groups(np.array([-1, -1]), 2).tolist() == [0, 1]


def test_doubtful_crops_sit_out_by_their_distance_to_means():
    features, _ = people([8, 8, 8, 8], spread=1.2)
    chosen = HierarchySettings(stop="clusters", clusters=5, share=None, linkage="single", regularizer="none")
    whole = merge_features(features, chosen).labels.labels
    means = np.stack([features.numpy[whole == cluster].mean(axis=0) for cluster in range(whole.max() + 1)])
    nearest = (features.numpy @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T).argmax(axis=1)
    some = prune(features, merge_features(features, chosen), drop_doubtful=True)
    assert 0 < (nearest != whole).sum() < len(whole)
    assert np.array_equal(some.labels.labels == -1, nearest != whole)
    assert np.array_equal(
        np.unique(whole[nearest == whole]), np.unique(whole)
    )  # the others keep their numbers
    assert np.array_equal(some.labels.labels[nearest == whole], whole[nearest == whole])
    assert f"{(nearest != whole).mean():.0%} of the crops are nearer to another" in some.notes[-1]
