r"""Inverted lists on disk: rows near the same center of k-means stand together, and a search reads a few lists.

A row is in the list of the center with the largest inner product, and looks for neighbors in the lists whose centers
have the largest products with it. Searches go list by list, all queries of a block that look into it at once, so that
a list is read from disk once per block, from front to back, and products of blocks do the work; FAISS's own inverted
file goes query by query, which on memory-mapped lists reads the same list thousands of times.

Reference: Jegou et al., "Product quantization for nearest neighbor search", 2011, section 4 (the inverted file); the
centers and the search for them are those of FAISS, from a sample and a fixed seed.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from jaxtyping import Float32, Int64
from threadpoolctl import threadpool_limits

from reseen.neighbors.out_of_core.scratch import Scratch
from reseen.neighbors.out_of_core.tiles import SHARD, TILE, Best, nothing_found, search_shards

_STAGE = "lists"
_LISTS_PER_ROOT, _FEWEST_PER_LIST = 4, 4
_SAMPLE_PER_LIST = 40
_ROUNDS, _SEED = 6, 1

LEAST_QUERIES = 1024
"""Queries of the smallest block."""


def list_count(rows: int) -> int:
    """Lists for so many rows."""
    return max(1, min(rows // _FEWEST_PER_LIST, int(_LISTS_PER_ROOT * rows**0.5)))


def room_for_centers(rows: int, dimension: int) -> int:
    """Bytes in which centers can be found: FAISS copies the sample and centers, and compares in blocks."""
    lists = list_count(rows)
    sample = min(rows, _SAMPLE_PER_LIST * lists)
    return 4 * dimension * (2 * sample + 3 * lists) + 16 * rows


def room_per_query(k: int, probes: int) -> int:
    """Bytes for one query of a block: the lists it looks into, in order, and what it has found."""
    return 40 * probes + 24 * k


class InvertedListsOnDisk:
    """Rows of a mapped matrix by list; they are copied to disk in this order."""

    def __init__(
        self,
        rows: Float32[np.ndarray, "n d"],
        scratch: Scratch,
        key: str,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Find centers and copy the rows, or take up what an earlier call with the same `key` has left.

        `progress` is called with rows put into lists, all of them in the end.
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
        """Lists."""
        return len(self._centers)

    def search(self, queries: Int64[np.ndarray, " q"], k: int, probes: int) -> Best:
        """The k largest products of these rows with others in `probes` lists.

        Where so many lists hold fewer than k others, all rows are looked at.
        """
        import faiss

        if k == 0:
            return nothing_found(len(queries), k)
        threads = torch.get_num_threads()
        faiss.omp_set_num_threads(threads)
        _, probed = faiss.knn(
            self._rows[queries], self._centers, min(probes, self.count), metric=faiss.METRIC_INNER_PRODUCT
        )
        values, found = nothing_found(len(queries), k)
        parts = [part for part in np.array_split(np.arange(len(queries)), threads) if len(part)]
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(self._look, queries, part, probed, values, found) for part in parts]:
                done.result()
        short = np.flatnonzero((found < 0).any(axis=1))
        if len(short):
            values[short], found[short] = search_shards(self._rows, queries[short], k)
        return values, found

    def _look(
        self,
        queries: Int64[np.ndarray, " q"],
        part: Int64[np.ndarray, " p"],
        probed: Int64[np.ndarray, "q l"],
        values: Float32[np.ndarray, "q k"],
        found: Int64[np.ndarray, "q k"],
    ) -> None:
        """Some of the queries look into their lists, one list at a time."""
        from reseen.neighbors.row_kernels import keep_largest

        wanted = probed[part]
        order = np.argsort(wanted, axis=None, kind="stable")
        starts = np.searchsorted(wanted.reshape(-1)[order], np.arange(self.count + 1))
        for one in np.flatnonzero(np.diff(starts)).tolist():
            asking = part[order[starts[one] : starts[one + 1]] // wanted.shape[1]]
            for begin in range(int(self._edges[one]), int(self._edges[one + 1]), SHARD):
                stretch = slice(begin, min(begin + SHARD, int(self._edges[one + 1])))
                inside, names = self._listed[stretch], self._names[stretch].astype(np.int64)
                for first in range(0, len(asking), TILE):
                    lists = asking[first : first + TILE]
                    product = self._rows[queries[lists]] @ inside.T
                    keep_largest(0, len(product), product, lists, queries, names, values, found)


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
