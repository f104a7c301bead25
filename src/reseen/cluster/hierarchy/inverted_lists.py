r"""An inverted file: rows in lists around the centers of k-means, so that a search looks into a few lists alone.

What is searched for is the same as in `products`: the largest $f v_a \cdot v_b - u_b$ over rows `[v, u]`. A row is
in the list of the center nearest to it, and a search looks into the lists whose centers have the largest products.
Searches go list by list, all that look into one at once, so that blocks of products do the work and a list is read
from memory once. Threads share the searches out: blocks are too small for the threads of a matrix product, which would
wait for each other more than they multiply.

Reference: Jegou et al., "Product quantization for nearest neighbor search", 2011, section 4 (the inverted file); the
centers are those of FAISS, from a sample and a fixed seed.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from jaxtyping import Float32, Int64
from threadpoolctl import threadpool_limits

from reseen.cluster.hierarchy.products import LargestProducts, as_queries, product

_LISTS_PER_ROOT, _FEWEST_PER_LIST = 4, 4
_PROBES, _FOR_PARTNERS = 48, 16
"""A search for so many partners looks into so many lists; for more partners, into more in proportion."""
_LEAST_GAIN = 2
_SAMPLE_PER_LIST = 40
_ROUNDS, _SEED = 6, 1
_AT_ONCE = 1 << 14
_SEARCHES_AT_ONCE = 1 << 18
_PROBED_CELLS = 1 << 24
"""Lists of searches that are in order at once: a longer search looks into more of them."""


def list_count(rows: int) -> int:
    """Lists for so many rows."""
    return max(1, min(rows // _FEWEST_PER_LIST, int(_LISTS_PER_ROOT * rows**0.5)))


def probe_count(k: int) -> int:
    """Lists looked into for the k largest products."""
    return max(_PROBES, _PROBES * k // _FOR_PARTNERS)


def describe(rows: int) -> str:
    """What a person should know of a search among so many rows."""
    return (
        f"approximate search: {rows:,} clusters at the start, in {list_count(rows):,} lists of which a search looks "
        f"into {_PROBES}; pairs that it misses merge later or not at all"
    )


class InvertedLists:
    """Rows of a table by the center nearest to them; the table may change under those taken in anew."""

    def __init__(
        self, rows: Float32[np.ndarray, "n d1"], names: Int64[np.ndarray, " m"], count: int, factor: float
    ) -> None:
        """As many lists as `count`, for these rows of the table; `factor` is the f of the products."""
        import faiss

        faiss.omp_set_num_threads(torch.get_num_threads())
        wanted = min(len(names), _SAMPLE_PER_LIST * count)
        sample = np.sort(np.random.default_rng(_SEED).choice(names, wanted, replace=False))
        means = faiss.Kmeans(
            rows.shape[1],
            count,
            niter=_ROUNDS,
            seed=_SEED,
            min_points_per_centroid=1,
            max_points_per_centroid=_SAMPLE_PER_LIST,
        )
        means.train(rows[sample])
        self._rows, self._factor = rows, factor
        self._centers = np.asarray(means.centroids)
        self._list = np.zeros(len(rows), np.int32)
        self.refresh(names)

    @property
    def count(self) -> int:
        """Lists."""
        return len(self._centers)

    def pay(self, alive: int, probes: int) -> bool:
        """Whether a search in so many lists is less work than one of all rows alive."""
        return _LEAST_GAIN * (self.count + probes * alive / self.count) < alive

    def refresh(self, names: Int64[np.ndarray, " m"]) -> None:
        """Put rows that are new, or have changed, into their lists."""
        import faiss

        faiss.omp_set_num_threads(torch.get_num_threads())
        for begin in range(0, len(names), _AT_ONCE):
            part = names[begin : begin + _AT_ONCE]
            _, nearest = faiss.knn(self._rows[part], self._centers, 1)
            self._list[part] = nearest[:, 0]

    def search(
        self, names: Int64[np.ndarray, " m"], alive: Int64[np.ndarray, " c"], k: int, probes: int
    ) -> LargestProducts:
        """The k largest products of each named row with rows alive in `probes` lists, as far as there are k."""
        best = LargestProducts(names, k)
        members = alive[np.argsort(self._list[alive], kind="stable")]
        edges = np.searchsorted(self._list[members], np.arange(self.count + 1))
        threads = torch.get_num_threads()
        at_once = max(1, min(_SEARCHES_AT_ONCE, _PROBED_CELLS // probes))
        for begin in range(0, len(names), at_once):
            probed = self._probed(names[begin : begin + at_once], probes)
            parts = np.array_split(np.arange(len(probed)), threads)
            looks = [
                partial(self._look, best, names, begin + part[0], probed[part], members, edges)
                for part in parts
                if len(part)
            ]
            with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
                for look in [pool.submit(look) for look in looks]:
                    look.result()
        return best

    def _look(
        self,
        best: LargestProducts,
        names: Int64[np.ndarray, " m"],
        first: int,
        probed: Int64[np.ndarray, "q p"],
        members: Int64[np.ndarray, " c"],
        edges: Int64[np.ndarray, " e"],
    ) -> None:
        """Searches `first` and on look into the lists probed, all of them into one list at a time."""
        order = np.argsort(probed, axis=None, kind="stable")
        starts = np.searchsorted(probed.reshape(-1)[order], np.arange(self.count + 1))
        for one in range(self.count):
            lists = first + order[starts[one] : starts[one + 1]] // probed.shape[1]
            inside = members[edges[one] : edges[one + 1]]
            if len(lists) and len(inside):
                queries = as_queries(self._rows[names[lists]], self._factor)
                best.take(product(queries, self._rows[inside]), lists, inside, spread=False)

    def _probed(self, names: Int64[np.ndarray, " m"], probes: int) -> Int64[np.ndarray, "m p"]:
        """The lists that a search for each of these looks into."""
        import faiss

        faiss.omp_set_num_threads(torch.get_num_threads())
        found = np.empty((len(names), probes), np.int64)
        for begin in range(0, len(names), _AT_ONCE):
            queries = as_queries(self._rows[names[begin : begin + _AT_ONCE]], self._factor)
            _, found[begin : begin + _AT_ONCE] = faiss.knn(
                queries, self._centers, probes, metric=faiss.METRIC_INNER_PRODUCT
            )
        return found
