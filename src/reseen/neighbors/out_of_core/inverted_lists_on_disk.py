r"""An inverted file on disk: rows are stored by their nearest k-means centroid, and a search probes a few lists.

A row is in the list of the centroid with the largest inner product, and a query probes the lists whose centroids have
the largest products with it. A block of queries is searched list by list, so that each list is read from disk once per
block, sequentially, and the work is done by matrix products; FAISS's inverted file goes query by query, which reads the
same memory-mapped list thousands of times.

Reference: Jegou et al., "Product quantization for nearest neighbor search", TPAMI 2011, section 4 (the inverted file).
The centroids are trained by FAISS on a sample with a fixed seed.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from jaxtyping import Float32, Int64
from threadpoolctl import threadpool_limits

from reseen.neighbors.out_of_core.scratch import Scratch
from reseen.neighbors.out_of_core.tiles import SHARD, TILE, TopK, empty_topk, search_shards

_STAGE = "lists"
_LISTS_PER_ROOT, _FEWEST_PER_LIST = 4, 4
_SAMPLE_PER_LIST = 40
_ROUNDS, _SEED = 6, 1

LEAST_QUERIES = 1024
"""Smallest number of queries per block."""


def list_count(rows: int) -> int:
    """Number of inverted lists for this number of rows."""
    return max(1, min(rows // _FEWEST_PER_LIST, int(_LISTS_PER_ROOT * rows**0.5)))


def center_bytes(rows: int, dimension: int) -> int:
    """Memory in bytes for training the centroids: FAISS copies sample and centroids, and compares in blocks."""
    lists = list_count(rows)
    sample = min(rows, _SAMPLE_PER_LIST * lists)
    return 4 * dimension * (2 * sample + 3 * lists) + 16 * rows


def query_bytes(k: int, probes: int) -> int:
    """Memory in bytes per query of a block: its probed lists, sorted, and its results."""
    return 40 * probes + 24 * k


class InvertedListsOnDisk:
    """An inverted file over the rows of a memory-mapped matrix, with a copy of the rows on disk in list order."""

    def __init__(
        self,
        rows: Float32[np.ndarray, "n d"],
        scratch: Scratch,
        key: str,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Train centroids and copy the rows, or reopen the result of an earlier call with the same `key`.

        `progress` is called with the number of rows just assigned, in total all rows.

        Raises:
            StorageError: the disk is full.
        """
        self._rows = rows
        if not scratch.done(_STAGE, key):
            _build(rows, scratch, progress)
            scratch.write_note(_STAGE, key, done=True)
        else:
            progress(len(rows))
        self._centers, self._edges = scratch.open("centers"), scratch.open("edges")
        self._names, self._listed = scratch.open("names"), scratch.open("listed")

    @property
    def count(self) -> int:
        """Number of lists."""
        return len(self._centers)

    def search(self, queries: Int64[np.ndarray, " q"], k: int, probes: int) -> TopK:
        """The k largest products of these rows with others in `probes` lists.

        Queries whose lists contain fewer than k other rows are searched exactly.
        """
        import faiss

        if k == 0:
            return empty_topk(len(queries), k)
        threads = torch.get_num_threads()
        faiss.omp_set_num_threads(threads)
        _, probed = faiss.knn(
            self._rows[queries], self._centers, min(probes, self.count), metric=faiss.METRIC_INNER_PRODUCT
        )
        values, indices = empty_topk(len(queries), k)
        parts = [part for part in np.array_split(np.arange(len(queries)), threads) if len(part)]
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
            futures = [
                pool.submit(self._search_part, queries, part, probed, values, indices) for part in parts
            ]
            for future in futures:
                future.result()
        incomplete = np.flatnonzero((indices < 0).any(axis=1))
        if len(incomplete):
            values[incomplete], indices[incomplete] = search_shards(self._rows, queries[incomplete], k)
        return values, indices

    def _search_part(
        self,
        queries: Int64[np.ndarray, " q"],
        part: Int64[np.ndarray, " p"],
        probed: Int64[np.ndarray, "q l"],
        values: Float32[np.ndarray, "q k"],
        indices: Int64[np.ndarray, "q k"],
    ) -> None:
        """Search a part of the queries in their probed lists, list by list; runs in a thread."""
        from reseen.neighbors.row_kernels import keep_largest

        probes = probed[part]
        order = np.argsort(probes, axis=None, kind="stable")
        starts = np.searchsorted(probes.reshape(-1)[order], np.arange(self.count + 1))
        for number in np.flatnonzero(np.diff(starts)).tolist():
            probing = part[order[starts[number] : starts[number + 1]] // probes.shape[1]]
            end = int(self._edges[number + 1])
            for begin in range(int(self._edges[number]), end, SHARD):
                shard = slice(begin, min(begin + SHARD, end))
                members, names = self._listed[shard], self._names[shard].astype(np.int64)
                for first in range(0, len(probing), TILE):
                    lists = probing[first : first + TILE]
                    product = self._rows[queries[lists]] @ members.T
                    keep_largest(0, len(product), product, lists, queries, names, values, indices)


def _build(rows: Float32[np.ndarray, "n d"], scratch: Scratch, progress: Callable[[int], None]) -> None:
    import faiss

    faiss.omp_set_num_threads(torch.get_num_threads())
    n, count = len(rows), list_count(len(rows))
    sample = np.sort(np.random.default_rng(_SEED).choice(n, min(n, _SAMPLE_PER_LIST * count), replace=False))
    means = faiss.Kmeans(
        rows.shape[1],
        count,
        niter=_ROUNDS,
        seed=_SEED,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=_SAMPLE_PER_LIST,
    )
    means.train(rows[sample])
    centers = scratch.array("centers", (count, rows.shape[1]), np.float32)
    centers[:] = means.centroids
    del means
    assigned = np.empty(n, np.int32)
    for begin in range(0, n, SHARD):
        part = rows[begin : begin + SHARD]
        _, nearest = faiss.knn(part, centers, 1, metric=faiss.METRIC_INNER_PRODUCT)
        assigned[begin : begin + SHARD] = nearest[:, 0]
        progress(len(part))
    scratch.array("edges", (count + 1,), np.int64)[1:] = np.cumsum(np.bincount(assigned, minlength=count))
    names = scratch.array("names", (n,), np.int32)
    names[:] = np.argsort(assigned, kind="stable")
    del assigned
    listed = scratch.array("listed", rows.shape, np.float32)
    for begin in range(0, n, SHARD):
        listed[begin : begin + SHARD] = rows[names[begin : begin + SHARD]]
    for name in ("centers", "edges", "names", "listed"):
        scratch.flush(name)
