import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.geometry import unit
from reseen.neighbors import nearest
from reseen.neighbors.knn import _self_first, farthest, search_faiss, search_product
from reseen.records import Features


def random_features(n, d, seed, copies=0):
    vectors = unit(torch.randn(n, d, generator=torch.Generator().manual_seed(seed)))
    if copies:
        vectors[:copies] = vectors[0]
    return Features(vectors)


def slow_distances(features):
    a = features.numpy.astype(np.float64)
    return ((a[:, None] - a[None]) ** 2).sum(-1)


@settings(max_examples=25)
@given(n=st.integers(1, 60), d=st.integers(2, 20), k=st.integers(1, 40), seed=st.integers(0, 999))
def test_equals_a_full_sort(n, d, k, seed):
    features = random_features(n, d, seed)
    found = nearest(features, k)
    dense = slow_distances(features)
    assert found.indices.shape == (n, min(k, n))
    np.testing.assert_array_equal(found.indices[:, 0], np.arange(n))
    np.testing.assert_array_equal(found.distances[:, 0], 0)
    np.testing.assert_allclose(found.distances, np.sort(dense, 1)[:, : min(k, n)], atol=2e-6)
    np.testing.assert_allclose(found.distances, np.take_along_axis(dense, found.indices, 1), atol=2e-6)


@settings(max_examples=25)
@given(
    n=st.integers(1, 60),
    d=st.integers(8, 20),
    k=st.integers(1, 40),
    seed=st.integers(0, 999),
    chunk=st.integers(1, 500),
)
def test_the_matrix_product_agrees_with_faiss(n, d, k, seed, chunk):
    features, k = random_features(n, d, seed), min(k, n)
    one = _self_first(*search_faiss(features, k))
    other = _self_first(*search_product(features, k, "cpu", chunk_cells=chunk))
    np.testing.assert_allclose(one.distances, other.distances, atol=2e-6)
    differ = one.indices != other.indices  # only where two rows are equally far within rounding
    steps = np.abs(np.diff(one.distances, axis=1, append=9, prepend=-9))
    tied = np.minimum(steps[:, 1:], steps[:, :-1]) < 2e-6
    assert not (differ & ~tied).any()


@pytest.mark.parametrize("k", [1, 3, 5, 7])
def test_the_row_itself_is_first_among_exact_copies(k):
    features = random_features(9, 8, 0, copies=6)
    for found in (nearest(features, k), _self_first(*search_product(features, k, "cpu"))):
        np.testing.assert_array_equal(found.indices[:, 0], np.arange(9))
        assert all(len(set(row)) == k for row in found.indices.tolist())


def test_equal_distances_come_in_the_order_of_rows():
    axes = torch.eye(4)
    np.testing.assert_array_equal(nearest(Features(axes), 4).indices[2], [2, 0, 1, 3])


def test_no_rows_and_one_row():
    assert nearest(Features(torch.empty(0, 4)), 3).indices.shape == (0, 0)
    assert nearest(Features(torch.eye(1)), 3).indices.tolist() == [[0]]


def test_k_of_zero_is_refused():
    with pytest.raises(ValueError, match="k of at least 1"):
        nearest(random_features(3, 4, 0), 0)


def test_farthest_is_the_largest_distance():
    features = random_features(40, 6, 1)
    np.testing.assert_allclose(farthest(features), slow_distances(features).max(1), atol=2e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_finds_the_same():
    features = random_features(3000, 64, 2)
    one, other = nearest(features, 31), nearest(features, 31, "cuda")
    np.testing.assert_allclose(one.distances, other.distances, atol=1e-5)
    assert (one.indices == other.indices).mean() > 0.999
