import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.errors import SettingsError
from reseen.geometry import unit
from reseen.neighbors import JaccardSettings, jaccard_distance, nearest
from reseen.records import Features, Neighbors


def people(n, d, seed, copies=0, groups=5, noise=0.4):
    random = torch.Generator().manual_seed(seed)
    centers = unit(torch.randn(groups, d, generator=random))
    chosen = torch.randint(groups, (n,), generator=random)
    vectors = unit(centers[chosen] + noise * torch.randn(n, d, generator=random) / d**0.5)
    vectors[:copies] = vectors[0].clone() if copies else 0
    return Features(vectors)


def reciprocal(ranks, i, width):
    forward = ranks[i, :width]
    return forward[[i in ranks[j, :width] for j in forward]]


def dense_jaccard(features, ranks, k1, k2, variant):
    """The published algorithm, sentence by sentence, on full matrices."""
    vectors = features.numpy.astype(np.float64)
    n = len(vectors)
    squared = np.maximum(2 - 2 * vectors @ vectors.T, 0)
    if variant == "zhong":
        largest = squared.max(1, keepdims=True)
        squared = squared / np.where(largest > 1e-5, largest, 1)  # copies only: no scale
        ranks = ranks[:, : max(k1 + 1, k2)]
    else:
        ranks = ranks[:, :k1]  # the search is asked for k1 columns; slices of k1 + 1 then change nothing
    half = int(np.around(k1 / 2)) + 1
    v = np.zeros((n, n))
    for i in range(n):
        base = reciprocal(ranks, i, k1 + 1)
        expanded = base
        for candidate in base:
            more = reciprocal(ranks, candidate, half)
            if len(np.intersect1d(more, base)) > 2 / 3 * len(more):
                expanded = np.append(expanded, more)
        expanded = np.unique(expanded)
        weight = np.exp(-squared[i, expanded])
        v[i, expanded] = weight / weight.sum()
    v = np.stack([v[ranks[i, :k2]].mean(0) for i in range(n)])
    shared = np.stack([np.minimum(v[i], v).sum(1) for i in range(n)])
    return np.maximum(1 - shared / (2 - shared), 0)


def assert_same(sparse, dense, threshold):
    n = len(dense)
    present = np.zeros((n, n), bool)
    rows = np.repeat(np.arange(n), np.diff(sparse.indptr))
    present[rows, sparse.indices] = True
    assert present.sum() == sparse.nnz
    found = sparse.toarray()
    off = ~np.eye(n, dtype=bool)
    np.testing.assert_allclose(found[present & off], dense[present & off], atol=1e-5)
    assert present[off & (dense < threshold - 1e-5)].all()
    assert not present[off & (dense > threshold + 1e-5)].any()
    assert present.diagonal().all()
    assert (found.diagonal() == 0).all()
    np.testing.assert_array_equal(found, found.T)
    assert sparse.data.dtype == np.float32
    assert sparse.has_sorted_indices


@settings(max_examples=35)
@given(
    n=st.integers(1, 70),
    k1=st.integers(1, 32),
    k2=st.integers(1, 9),
    variant=st.sampled_from(["zhong", "faiss"]),
    threshold=st.sampled_from([0.0, 0.3, 0.6, 0.95]),
    copies=st.sampled_from([0, 0, 1, 5, 40]),
    seed=st.integers(0, 999),
)
def test_equals_the_dense_algorithm(n, k1, k2, variant, threshold, copies, seed):
    features = people(n, 12, seed, copies=min(copies, n))
    options = JaccardSettings(k1=k1, k2=k2, variant=variant)
    neighbors = nearest(features, options.columns)
    sparse = jaccard_distance(features, neighbors, options, threshold)
    assert_same(sparse, dense_jaccard(features, neighbors.indices, k1, k2, variant), threshold)


@pytest.mark.parametrize("variant", ["zhong", "faiss"])
def test_equals_the_dense_algorithm_across_blocks_of_rows(variant):
    features = people(600, 16, 3, groups=40)
    options = JaccardSettings(k1=12, variant=variant)
    neighbors = nearest(features, options.columns)
    sparse = jaccard_distance(features, neighbors, options, 0.7)
    assert_same(sparse, dense_jaccard(features, neighbors.indices, 12, 6, variant), 0.7)


def test_zhong_sees_one_neighbor_more_than_faiss():
    assert JaccardSettings(k1=30, variant="faiss").columns == 30
    assert JaccardSettings(k1=30, variant="zhong").columns == 31


@pytest.mark.parametrize("variant", ["zhong", "faiss"])
def test_moving_rows_moves_the_distances_with_them(variant):
    features = people(200, 16, 5)
    order = np.random.default_rng(0).permutation(200)
    options = JaccardSettings(k1=12, variant=variant)

    def distances(vectors):
        moved = Features(vectors)
        return jaccard_distance(moved, nearest(moved, options.columns), options, 0.8).toarray()

    expected = distances(features.vectors)[np.ix_(order, order)]
    np.testing.assert_allclose(distances(features.vectors[order]), expected, atol=1e-6)


def test_surplus_columns_change_nothing():
    features = people(80, 12, 1)
    options = JaccardSettings(k1=10)
    few = jaccard_distance(features, nearest(features, 10), options, 0.7)
    many = jaccard_distance(features, nearest(features, 25), options, 0.7)
    np.testing.assert_array_equal(few.toarray(), many.toarray())


def test_all_rows_equal_are_all_at_distance_zero():
    features = Features(unit(torch.ones(6, 4)))
    for variant in ("zhong", "faiss"):
        options = JaccardSettings(variant=variant)
        distances = jaccard_distance(features, nearest(features, 31), options, 0.5)
        assert distances.nnz == 36
        np.testing.assert_allclose(distances.data, 0, atol=1e-6)


def test_two_far_pairs_are_told_apart():
    vectors = torch.tensor([[1.0, 0, 0], [1, 0.05, 0], [0, 0, 1], [0, 0.05, 1]])
    features = Features(unit(vectors))
    distances = jaccard_distance(features, nearest(features, 2), JaccardSettings(k1=2, k2=1), 0.9)
    assert distances.indices.tolist() == [0, 1, 0, 1, 2, 3, 2, 3]


def test_no_rows():
    empty = Features(torch.empty(0, 4))
    assert jaccard_distance(empty, nearest(empty, 3), JaccardSettings(), 0.5).shape == (0, 0)


def test_misuse_is_explained():
    features = people(50, 12, 0)
    neighbors = nearest(features, 30)
    with pytest.raises(ValueError, match="below 1"):
        jaccard_distance(features, neighbors, JaccardSettings(), 1.0)
    with pytest.raises(
        ValueError, match=r"need 31 neighbors per row .* got 30; search with k = settings.columns"
    ):
        jaccard_distance(features, neighbors, JaccardSettings(variant="zhong"), 0.5)
    with pytest.raises(ValueError, match="50 feature rows but 49 rows"):
        jaccard_distance(
            features, Neighbors(neighbors.indices[1:], neighbors.distances[1:]), JaccardSettings(), 0.5
        )
    with pytest.raises(SettingsError, match="k1"):
        JaccardSettings.parse({"k1": 0}, "recipe.yaml")
