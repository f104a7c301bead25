import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import HDBSCAN
from sklearn.metrics import adjusted_rand_score

from reseen.cluster.clusterings import ClusteringContext, HdbscanClustering
from reseen.cluster.clusterings.hdbscan import connected
from reseen.errors import SettingsError, TrainingError
from reseen.neighbors import jaccard_distance, nearest
from reseen.records import Features

JACCARD = {"k1": 8, "k2": 3}


def people(count=12, crops=9, spread=0.08):
    generator = torch.Generator().manual_seed(0)
    who = torch.arange(count).repeat_interleave(crops)
    vectors = torch.eye(count, 24)[who] + spread * torch.randn(len(who), 24, generator=generator)
    return Features(torch.nn.functional.normalize(vectors, dim=1)), who.numpy()


def test_it_clusters_as_on_the_matrix_of_all_distances():
    features, who = people()  # easily told apart: equal distances may be merged in any order
    clustering = HdbscanClustering(jaccard=JACCARD, min_cluster_size=3, min_samples=3)
    neighbors = nearest(features, clustering.jaccard.columns)
    sparse = jaccard_distance(features, neighbors, clustering.jaccard, clustering.max_distance)
    dense = np.ones(sparse.shape)
    rows = np.repeat(np.arange(len(features)), np.diff(sparse.indptr))
    dense[rows, sparse.indices] = np.maximum(sparse.data, 1e-6)
    model = HDBSCAN(min_cluster_size=3, min_samples=3, metric="precomputed", copy=True)
    expected = model.fit(dense).labels_
    found = clustering.cluster(features)
    assert adjusted_rand_score(expected, found.labels.labels) > 0.95
    assert adjusted_rand_score(who, found.labels.labels) > 0.9
    assert found.notes[0].startswith("HDBSCAN with min_cluster_size 3 and min_samples 3: ")


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 30), st.integers(1, 12), st.integers(0, 99))
def test_added_distances_connect_all_rows_and_change_none(rows, fewest, seed):
    generator = np.random.default_rng(seed)
    fewest = min(fewest, rows)
    mask = np.triu(generator.random((rows, rows)) < 0.1, 1)
    upper = np.where(mask, generator.uniform(0, 0.9, (rows, rows)), 0)
    one, other = np.nonzero(mask)
    own = np.arange(rows)
    values = np.concatenate([upper[one, other], upper[one, other], np.zeros(rows)])
    given_ = csr_array(
        (values, (np.concatenate([one, other, own]), np.concatenate([other, one, own]))), shape=(rows, rows)
    )
    made = connected(given_, fewest)
    assert connected_components(made, directed=False)[0] == 1
    assert np.diff(made.indptr).min() >= fewest
    dense = made.toarray()
    np.testing.assert_array_equal(dense, dense.T)
    np.testing.assert_allclose(dense[one, other], np.maximum(upper[one, other], 1e-6))
    added = dense[~(mask | mask.T | np.eye(rows, dtype=bool))]
    assert set(added.tolist()) <= {0.0, 1.0}


def test_copies_follow_the_crop_that_they_repeat():
    features, _ = people()
    clustering = HdbscanClustering(jaccard=JACCARD)
    copies = np.concatenate([np.arange(len(features)), np.arange(len(features))])
    twice = Features(features.vectors[torch.from_numpy(copies)])
    once = clustering.cluster(features).labels.labels
    found = clustering.cluster(twice, ClusteringContext(copies=copies)).labels.labels
    assert (found == once[copies]).all()


def test_out_of_core_it_clusters_alike():
    features, _ = people()
    clustering = HdbscanClustering(jaccard=JACCARD)
    stages = []
    context = ClusteringContext(finish_stage=stages.append)
    found = clustering.cluster_neighbors(features, nearest(features, clustering.neighbors), context)
    assert adjusted_rand_score(found.labels.labels, clustering.cluster(features).labels.labels) > 0.999
    assert stages == ["jaccard", "hdbscan"]
    assert clustering.out_of_core_bytes(2_000, 8, 1) == 2 * clustering.out_of_core_bytes(1_000, 8, 1) > 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"min_samples": "auto"}, "hdbscan requires numbers, auto is only for dbscan"),
        ({"min_cluster_size": "auto"}, "hdbscan requires numbers, auto is only for dbscan"),
        ({"jaccard": {"k1": "auto"}}, "give jaccard.k1 and jaccard.k2, such as 30 and 6"),
        ({"min_cluster_size": 1}, "greater than or equal to 2"),
        ({"epsilon": 0.97}, "epsilon is a distance up to max_distance"),
    ],
)
def test_settings_that_do_not_fit(values, message):
    with pytest.raises((ValidationError, SettingsError), match=message):
        HdbscanClustering.model_validate(values)


def test_without_clusters_the_error_says_what_to_change():
    features, _ = people(count=1, crops=20)
    with pytest.raises(
        TrainingError, match=r"at least two clusters of 20 images, got .*min_cluster_size 4.*lower"
    ):
        HdbscanClustering(jaccard=JACCARD).cluster(features)
    with pytest.raises(TrainingError, match="need at least 4 images, got 2"):
        HdbscanClustering(jaccard=JACCARD).cluster(Features(features.vectors[:2]))
