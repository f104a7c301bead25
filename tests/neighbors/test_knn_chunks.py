"""Memory that runs out: smaller chunks are tried, with the same neighbors in the end, down to a clear error."""

import faiss
import numpy as np
import pytest
import torch

from reseen.errors import ClusteringError
from reseen.geometry import unit
from reseen.neighbors import nearest
from reseen.neighbors.knn import farthest, is_out_of_memory, map_chunks, search_product
from reseen.records import Features

ERRORS = [
    MemoryError("Unable to allocate 9 TiB"),
    MemoryError("std::bad_alloc"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 TiB"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory: you tried to allocate"
    ),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: Error code 12 (Cannot allocate memory)"),
]


def limited(most, error, log):
    """Work that fails on more than `most` rows and returns its row numbers otherwise."""

    def work(some):
        rows = list(range(some.start, some.stop))
        log.append(len(rows))
        if len(rows) > most:
            raise error
        return rows

    return work


@pytest.mark.parametrize("error", ERRORS, ids=str)
@pytest.mark.parametrize(
    ("rows", "chunk", "most"), [(100, 64, 5), (100, 1000, 99), (7, 3, 3), (1, 1, 1), (5, 0, 1)]
)
def test_every_row_is_done_once_whatever_fits(rows, chunk, most, error):
    log = []
    parts = map_chunks(limited(most, error, log), rows, chunk)
    assert [row for part in parts for row in part] == list(range(rows))
    assert max(map(len, parts)) <= most
    assert max(log) <= max(chunk, 1)


def test_no_memory_for_one_row_is_said_and_other_errors_are_not_hidden():
    with pytest.raises(
        ClusteringError, match="cannot compare a single row with 10 others; close other programs"
    ):
        map_chunks(limited(0, MemoryError(), []), 10, 4)
    with pytest.raises(RuntimeError, match="a bug"):
        map_chunks(limited(0, RuntimeError("a bug"), []), 10, 4)
    assert map_chunks(limited(0, MemoryError(), []), 0, 4) == []
    assert not is_out_of_memory(ValueError("something else"))


@pytest.fixture
def features():
    return Features(unit(torch.randn(50, 6, generator=torch.Generator().manual_seed(0))))


def test_faiss_finds_the_same_neighbors_with_little_memory(features, monkeypatch):
    wanted, knn, sizes = nearest(features, 5), faiss.knn, []

    def scarce(queries, *arguments, **options):
        sizes.append(len(queries))
        if len(queries) > 7:
            raise MemoryError("std::bad_alloc")
        return knn(queries, *arguments, **options)

    monkeypatch.setattr(faiss, "knn", scarce)
    found = nearest(features, 5)
    np.testing.assert_array_equal(found.indices, wanted.indices)
    np.testing.assert_allclose(found.distances, wanted.distances, atol=1e-6)
    assert sizes[:4] == [50, 25, 12, 6]


def test_the_matrix_product_finds_the_same_neighbors_with_little_memory(features, monkeypatch):
    wanted, furthest = search_product(features, 5, "cpu"), farthest(features)
    product = torch.Tensor.__matmul__

    def scarce(left, right):
        if len(left) > 7:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return product(left, right)

    monkeypatch.setattr(torch.Tensor, "__matmul__", scarce)
    for one, other in zip(wanted, search_product(features, 5, "cpu"), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    np.testing.assert_allclose(farthest(features), furthest, atol=1e-6)
