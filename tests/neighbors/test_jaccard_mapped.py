"""Sparse Jaccard distances on arrays from disk: the same bits as in memory, and SciPy's products and transposes."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from reseen.geometry import unit
from reseen.neighbors import JaccardSettings, jaccard_distance, nearest
from reseen.neighbors.jaccard import PASSES, average_over_neighbors, jaccard_rows, to_csc
from reseen.neighbors.out_of_core import Scratch
from reseen.records import Features, Neighbors


def crowd(n, d=12, people=15, seed=0):
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(people, d))[generator.integers(0, people, n)] + 0.5 * generator.normal(
        size=(n, d)
    )
    return Features(unit(torch.from_numpy(rows.astype(np.float32))))


def random_rows(n, seed):
    matrix = np.random.default_rng(seed).random((n, n), dtype=np.float32)
    matrix[matrix < 0.7] = 0
    sparse = csr_array(matrix)
    return matrix, (sparse.indptr.astype(np.int64), sparse.indices.astype(np.int32), sparse.data)


@pytest.mark.parametrize("variant", ["faiss", "zhong"])
def test_mapped_arrays_give_the_same_bits(tmp_path, variant):
    features, chosen = crowd(150), JaccardSettings(k1=9, k2=3, variant=variant)
    neighbors = nearest(features, chosen.columns)
    one = jaccard_distance(features, neighbors, chosen, 0.8)
    scratch = Scratch(tmp_path)
    indices = scratch.array("indices", neighbors.indices.shape, np.int32)
    indices[:] = neighbors.indices
    on_disk = Neighbors(indices, neighbors.distances)
    done = []
    start, columns, values = jaccard_rows(
        features, on_disk, chosen, 0.8, allocate=scratch.unnamed, progress=done.append
    )
    np.testing.assert_array_equal(start, one.indptr)
    np.testing.assert_array_equal(columns, one.indices)
    np.testing.assert_array_equal(values, one.data)
    assert sum(done) == PASSES * 150


@settings(max_examples=20)
@given(n=st.integers(1, 40), k2=st.integers(1, 6), seed=st.integers(0, 99))
def test_means_of_rows_are_those_of_the_dense_matrix(n, k2, seed):
    matrix, rows = random_rows(n, seed)
    k2 = min(k2, n)
    nearby = np.stack([np.random.default_rng(seed + i).permutation(n)[:k2] for i in range(n)])
    start, columns, values = average_over_neighbors(
        rows, Neighbors(nearby, np.zeros(nearby.shape, np.float32)), k2
    )
    ours = csr_array((values, columns, start), shape=(n, n)).toarray()
    np.testing.assert_allclose(ours, matrix[nearby].mean(axis=1), atol=1e-6)
    assert all((np.diff(columns[a:b]) > 0).all() for a, b in pairwise(start))


@settings(max_examples=20)
@given(n=st.integers(1, 40), seed=st.integers(0, 99))
def test_by_column_is_the_transpose(n, seed):
    matrix, rows = random_rows(n, seed)
    start, entries, values = to_csc(rows)
    np.testing.assert_array_equal(csr_array((values, entries, start), shape=(n, n)).toarray(), matrix.T)
    assert all((np.diff(entries[a:b]) > 0).all() for a, b in pairwise(start))
