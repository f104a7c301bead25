r"""An inverted file: rows are stored by their nearest k-means centroid, so that a search probes only a few lists.

The search is the same as in `products`: the largest $f v_a \cdot v_b - u_b$ over rows `[v, u]`. A row is in the list of
its nearest centroid, and a search probes the lists whose centroids have the largest products. Searches are processed
list by list, all that probe a list at once, so that the work is done by matrix products and a list is read from memory
once. The searches are distributed over threads, since blocks are too small for a multi-threaded matrix product.

Reference: Jegou et al., "Product quantization for nearest neighbor search", TPAMI 2011, section 4 (the inverted file).
The centroids are trained by FAISS on a sample with a fixed seed.
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
"""Lists probed by a search, and the number of partners up to which this holds; more partners need more lists."""
_LEAST_GAIN = 2
_SAMPLE_PER_LIST = 40
_ROUNDS, _SEED = 6, 1
_AT_ONCE = 1 << 14
_SEARCHES_AT_ONCE = 1 << 18
_PROBED_CELLS = 1 << 24
"""Probed lists of all searches in a batch: the more probes per search, the fewer searches at once."""


def list_count(rows: int) -> int:
    """Number of inverted lists for this number of rows."""
    return max(1, min(rows // _FEWEST_PER_LIST, int(_LISTS_PER_ROOT * rows**0.5)))


def probe_count(k: int) -> int:
    """Number of lists probed for the k largest products."""
    return max(_PROBES, _PROBES * k // _FOR_PARTNERS)


def describe(rows: int) -> str:
    """A message about the approximate search for this number of initial clusters."""
    return (
        f"approximate search: {rows:,} initial clusters, in {list_count(rows):,} inverted lists, of which a search "
        f"probes {_PROBES}; missed pairs merge later or not at all"
    )


class InvertedLists:
    """An inverted file over a table of rows; changed rows must be passed to `refresh`."""

    def __init__(
        self, rows: Float32[np.ndarray, "n d1"], names: Int64[np.ndarray, " m"], count: int, factor: float
    ) -> None:
        """Train `count` centroids for the rows `names` of the table; `factor` is the f of the products."""
        import faiss

        faiss.omp_set_num_threads(torch.get_num_threads())
        sample_size = min(len(names), _SAMPLE_PER_LIST * count)
        sample = np.sort(np.random.default_rng(_SEED).choice(names, sample_size, replace=False))
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
        """Number of lists."""
        return len(self._centers)

    def is_worthwhile(self, alive: int, probes: int) -> bool:
        """Whether probing this number of lists is cheaper than an exact search of all rows alive."""
        return _LEAST_GAIN * (self.count + probes * alive / self.count) < alive

    def refresh(self, names: Int64[np.ndarray, " m"]) -> None:
        """Assign new or changed rows to their lists."""
        import faiss

        faiss.omp_set_num_threads(torch.get_num_threads())
        for begin in range(0, len(names), _AT_ONCE):
            part = names[begin : begin + _AT_ONCE]
            _, nearest = faiss.knn(self._rows[part], self._centers, 1)
            self._list[part] = nearest[:, 0]

    def search(
        self, names: Int64[np.ndarray, " m"], alive: Int64[np.ndarray, " c"], k: int, probes: int
    ) -> LargestProducts:
        """The k largest products of each named row with the rows alive in `probes` lists; fewer if these have less."""
        top = LargestProducts(names, k)
        members = alive[np.argsort(self._list[alive], kind="stable")]
        edges = np.searchsorted(self._list[members], np.arange(self.count + 1))
        threads = torch.get_num_threads()
        at_once = max(1, min(_SEARCHES_AT_ONCE, _PROBED_CELLS // probes))
        for begin in range(0, len(names), at_once):
            probed = self._probed(names[begin : begin + at_once], probes)
            parts = np.array_split(np.arange(len(probed)), threads)
            searches = [
                partial(self._search_part, top, names, begin + part[0], probed[part], members, edges)
                for part in parts
                if len(part)
            ]
            with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
                for future in [pool.submit(search) for search in searches]:
                    future.result()
        return top

    def _search_part(
        self,
        top: LargestProducts,
        names: Int64[np.ndarray, " m"],
        first: int,
        probed: Int64[np.ndarray, "q p"],
        members: Int64[np.ndarray, " c"],
        edges: Int64[np.ndarray, " e"],
    ) -> None:
        """Run the searches from `first` on in their probed lists, list by list; runs in a thread."""
        order = np.argsort(probed, axis=None, kind="stable")
        starts = np.searchsorted(probed.reshape(-1)[order], np.arange(self.count + 1))
        for number in range(self.count):
            lists = first + order[starts[number] : starts[number + 1]] // probed.shape[1]
            rows = members[edges[number] : edges[number + 1]]
            if len(lists) and len(rows):
                queries = as_queries(self._rows[names[lists]], self._factor)
                top.update(product(queries, self._rows[rows]), lists, rows, threaded=False)

    def _probed(self, names: Int64[np.ndarray, " m"], probes: int) -> Int64[np.ndarray, "m p"]:
        """The lists that the search of each named row probes."""
        import faiss

        faiss.omp_set_num_threads(torch.get_num_threads())
        lists = np.empty((len(names), probes), np.int64)
        for begin in range(0, len(names), _AT_ONCE):
            queries = as_queries(self._rows[names[begin : begin + _AT_ONCE]], self._factor)
            _, lists[begin : begin + _AT_ONCE] = faiss.knn(
                queries, self._centers, probes, metric=faiss.METRIC_INNER_PRODUCT
            )
        return lists
