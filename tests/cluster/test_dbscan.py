import numpy as np
import pytest
import sklearn.cluster
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, csr_matrix

from reseen.cluster import DbscanSettings, dbscan
from reseen.errors import SettingsError


def graph_of(dense, threshold=0.95):
    rows, columns = np.nonzero(dense <= threshold)
    values = dense[rows, columns].astype(np.float32)
    return csr_array((values, (rows, columns)), shape=dense.shape)


def line(*places):
    points = np.array(places, dtype=float)
    return graph_of(np.abs(points[:, None] - points[None]))


def random_points(n, seed):
    draw = np.random.default_rng(seed)
    points = draw.random((n, 2)) * 1.5
    return np.sqrt(((points[:, None] - points[None]) ** 2).sum(-1)).astype(np.float32)


def partition(labels):
    return {frozenset(np.flatnonzero(labels == label)) for label in set(labels.tolist()) - {-1}}


@settings(max_examples=40)
@given(
    n=st.integers(1, 80),
    seed=st.integers(0, 999),
    eps=st.sampled_from([0.05, 0.1, 0.2, 0.4]),
    least=st.integers(1, 6),
)
def test_equals_scikit_learn_but_for_contested_border_rows(n, seed, eps, least):
    dense = random_points(n, seed)
    ours = dbscan(graph_of(dense), eps, least).labels
    sparse = csr_matrix(graph_of(dense))
    theirs = sklearn.cluster.DBSCAN(eps=np.float32(eps), min_samples=least, metric="precomputed").fit(sparse)
    core = np.zeros(n, bool)
    core[theirs.core_sample_indices_] = True
    np.testing.assert_array_equal(ours == -1, theirs.labels_ == -1)
    assert partition(np.where(core, ours, -1)) == partition(np.where(core, theirs.labels_, -1))
    for row in np.flatnonzero(~core & (ours >= 0)):
        reached = core & (dense[row] <= np.float32(eps))
        nearest_core = np.flatnonzero(reached)[np.argmin(dense[row][reached])]
        assert ours[row] == ours[nearest_core]


@settings(max_examples=25)
@given(n=st.integers(1, 80), seed=st.integers(0, 999), least=st.integers(1, 6))
def test_the_order_of_rows_does_not_matter(n, seed, least):
    dense = random_points(n, seed)
    order = np.random.default_rng(seed).permutation(n)
    straight = dbscan(graph_of(dense), 0.15, least).labels
    moved = dbscan(graph_of(dense[np.ix_(order, order)]), 0.15, least).labels
    back = np.empty_like(moved)
    back[order] = moved
    np.testing.assert_array_equal(back == -1, straight == -1)
    assert partition(back) == partition(straight)


def test_a_line_of_points_written_out():
    #          cluster 0        border of it    noise  cluster 1
    distances = line(0.0, 0.1, 0.2, 0.35, 0.55, 0.80, 0.85, 0.90)
    assert dbscan(distances, 0.16, 3).labels.tolist() == [0, 0, 0, 0, -1, 1, 1, 1]


def test_a_border_row_joins_its_nearest_core_row_whatever_the_order():
    places = np.array([0.0, 0.1, 0.2, 0.36, 0.5, 0.6, 0.7])  # 0.36 is within 0.17 of 0.2 and of 0.5
    labels = dbscan(line(*places), 0.17, 4).labels
    assert labels.tolist() == [-1] * 7  # nobody has four within reach
    labels = dbscan(line(0.0, 0.05, 0.1, 0.3, 0.45, 0.5, 0.55), 0.2, 4).labels
    backward = dbscan(line(0.55, 0.5, 0.45, 0.3, 0.1, 0.05, 0.0), 0.2, 4).labels
    assert labels[3] == labels[4]
    assert backward[3] == backward[2]


def test_equal_distances_to_two_clusters_take_the_smaller_row():
    dense = (
        np.array([[0, 9, 9, 1, 9], [9, 0, 9, 1, 1], [9, 9, 0, 9, 9], [1, 1, 9, 0, 9], [9, 1, 9, 9, 0]]) / 10
    )
    labels = dbscan(graph_of(dense, 0.5), 0.2, 1).labels
    assert labels.tolist() == [0, 0, 1, 0, 0]


def test_explicit_zeros_are_neighbors():
    assert dbscan(graph_of(np.zeros((4, 4))), 0.5, 4).labels.tolist() == [0, 0, 0, 0]


def test_a_distance_of_exactly_eps_is_within():
    distances = graph_of(np.array([[0, 0.6], [0.6, 0]]))
    assert dbscan(distances, 0.6, 2).labels.tolist() == [0, 0]


def test_no_rows_and_all_noise():
    assert len(dbscan(csr_array((0, 0), dtype=np.float32), 0.5, 4)) == 0
    assert dbscan(line(0.0, 0.5, 0.9), 0.1, 2).labels.tolist() == [-1, -1, -1]


@pytest.mark.parametrize("value", [0, 1, 1.5, -0.1, "often", True, None, float("nan")])
def test_a_bad_eps_is_refused_in_words(value):
    with pytest.raises(
        SettingsError, match=r"recipe.yaml: eps: expected a Jaccard distance above 0 and below 1"
    ):
        DbscanSettings.parse({"eps": value}, "recipe.yaml")


@pytest.mark.parametrize("value", [0.6, "auto"])
def test_a_good_eps_survives_the_round_trip(value):
    settings = DbscanSettings.parse({"eps": value}, "recipe.yaml")
    assert settings.eps == value
    assert DbscanSettings.model_validate(settings.model_dump(mode="json")) == settings


def test_sparse_rows_as_plain_arrays_give_the_same_labels():
    graph = graph_of(random_points(60, 3))
    rows = (graph.indptr.astype(np.int64), graph.indices.astype(np.int32), graph.data)
    np.testing.assert_array_equal(dbscan(rows, 0.15, 3).labels, dbscan(graph, 0.15, 3).labels)
