"""Search for the cheapest partners of clusters, without a matrix of all pairs."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64

from reseen.cluster.hierarchy.cost import MergeCost, Terms
from reseen.cluster.hierarchy.inverted_lists import InvertedLists, list_count, probe_count
from reseen.cluster.hierarchy.partition import Partition
from reseen.cluster.hierarchy.products import as_queries, largest_products
from reseen.errors import ClusteringError
from reseen.neighbors.csr import Allocate, in_memory
from reseen.records import Neighbors

NOT_FINITE = "a merge cost is not finite; lower the weight of the regularizer, or scale the rows"

_BLOCK_CELLS = 1 << 22
_SHORT = 64
"""Longest lists for our running top-k; for longer ones FAISS is faster."""
_SHARD, _QUERIES = 1 << 17, 1 << 14
"""Database rows and queries per call of FAISS."""
_SINGLE_ROUNDING = 1e-5
"""Largest error of an inner product of float32 rows, relative to the largest products and offsets."""
_DOUBLE_ROUNDING = 1e-11


class CheapestPartners:
    """Search for the cheapest partners among the clusters of a partition; exact unless `approximate`.

    Linear costs become a maximum inner product search of `[f v_a, -1]` and `[v_b, u_b]` in float32; other costs are
    computed in blocks of float64. `slack` bounds the error of a returned cost.
    """

    def __init__(
        self,
        partition: Partition,
        cost: MergeCost,
        approximate: bool = False,
        allocate: Allocate = in_memory,
    ) -> None:
        self._partition, self._cost = partition, cost
        self._lists: InvertedLists | None = None
        self._rows = np.empty((0, 0), np.float32)
        if cost.linear:
            self._rows = allocate((len(partition.counts), partition.dimension + 1), np.float32)
        self._scale = 0.0
        alive = partition.alive
        self.refresh(alive)
        if approximate:
            self._lists = InvertedLists(self._rows, alive, list_count(len(alive)), cost.factor)

    @property
    def slack(self) -> float:
        """Upper bound for the error of a returned cost."""
        return self._scale * (_SINGLE_ROUNDING if self._cost.linear else _DOUBLE_ROUNDING)

    def refresh(self, names: Int64[np.ndarray, " m"]) -> None:
        """Update the search index for new or changed clusters.

        Raises:
            ClusteringError: costs exceed the range of float32.
        """
        at_once = max(1, _BLOCK_CELLS // self._partition.dimension)
        for begin in range(0, len(names), at_once):
            part = names[begin : begin + at_once]
            terms = self._cost.terms(self._partition, part)
            offsets = terms.offsets + terms.penalties
            if len(self._rows):
                self._rows[part, :-1] = terms.vectors
                self._rows[part, -1] = offsets
            largest = np.einsum("md,md->m", terms.vectors, terms.vectors).max()
            joint = self._cost.joint * (terms.counts * terms.lengths).max()
            self._scale = max(self._scale, offsets.max() + self._cost.factor * largest + joint)
        if self._cost.linear and self._scale > np.finfo(np.float32).max:
            raise ClusteringError(NOT_FINITE)
        if self._lists:
            self._lists.refresh(names)

    def search(
        self, names: Int64[np.ndarray, " m"], k: int
    ) -> tuple[Int64[np.ndarray, "m k"], Float64[np.ndarray, "m k"]]:
        """The k cheapest partners of each named cluster among all others, and their costs, ascending.

        With at most k other clusters, all are returned. An approximate search probes more lists for a larger k, up to
        an exact search; if it finds fewer than k partners, the rest are -1.
        """
        alive = self._partition.alive
        k = min(k, len(alive) - 1)
        if self._cost.linear:
            return self._by_product(names, alive, k)
        partners, costs = np.empty((len(names), k), np.int64), np.empty((len(names), k))
        at_once = max(1, (_BLOCK_CELLS * 4) // max(len(alive), 1))
        base = self._cost.terms(self._partition, alive)
        for begin in range(0, len(names), at_once):
            part = slice(begin, begin + at_once)
            partners[part], costs[part] = self._in_block(names[part], alive, base, k)
        return partners, costs

    def of_neighbors(
        self, neighbors: Neighbors, k: int
    ) -> tuple[Int64[np.ndarray, "n k"], Float64[np.ndarray, "n k"]]:
        """As `search` for all clusters, if all are single unit rows with known nearest neighbors."""
        k = min(k, neighbors.indices.shape[1] - 1)
        partners = neighbors.indices[:, 1 : k + 1].astype(np.int64)
        offsets = self._rows[:, -1].astype(np.float64)
        costs = neighbors.distances[:, 1 : k + 1].astype(np.float64)
        costs *= self._cost.factor / 2
        costs += offsets[partners]
        costs += offsets[:, None] - self._cost.factor
        return partners, costs

    def _by_product(
        self, names: Int64[np.ndarray, " m"], alive: Int64[np.ndarray, " c"], k: int
    ) -> tuple[Int64[np.ndarray, "m k"], Float64[np.ndarray, "m k"]]:
        own = self._rows[names, -1].astype(np.float64)
        probes = probe_count(k)
        if self._lists and k < len(alive) - 1 and self._lists.is_worthwhile(len(alive), probes):
            top = self._lists.search(names, alive, k, probes)
            return top.names, own[:, None] - top.values
        if k <= _SHORT:
            top = largest_products(self._rows, names, alive, self._cost.factor, k)
            return top.names, own[:, None] - top.values
        partners, costs = np.empty((len(names), 0), np.int64), np.empty((len(names), 0))
        for begin in range(0, len(alive), _SHARD):
            in_shard, products = self._by_faiss(names, alive[begin : begin + _SHARD], k + 1)
            partners = np.concatenate([partners, in_shard], axis=1)
            costs = np.concatenate([costs, own[:, None] - products], axis=1)
        costs[partners == names[:, None]] = np.inf  # exclude the cluster itself, if it is in the list
        order = np.argsort(costs, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(partners, order, 1), np.take_along_axis(costs, order, 1)

    def _by_faiss(
        self, names: Int64[np.ndarray, " m"], shard: Int64[np.ndarray, " c"], k: int
    ) -> tuple[Int64[np.ndarray, "m k"], Float32[np.ndarray, "m k"]]:
        """The clusters of a shard with the k largest products, and these products."""
        import faiss

        faiss.omp_set_num_threads(torch.get_num_threads())
        rows, k = self._rows[shard], min(k, len(shard))
        partners, products = np.empty((len(names), k), np.int64), np.empty((len(names), k), np.float32)
        for begin in range(0, len(names), _QUERIES):
            part = slice(begin, begin + _QUERIES)
            query = as_queries(self._rows[names[part]], self._cost.factor)
            products[part], indices = faiss.knn(query, rows, k, metric=faiss.METRIC_INNER_PRODUCT)
            partners[part] = shard[indices]
        return partners, products

    def _in_block(
        self, names: Int64[np.ndarray, " m"], alive: Int64[np.ndarray, " c"], base: Terms, k: int
    ) -> tuple[Int64[np.ndarray, "m k"], Float64[np.ndarray, "m k"]]:
        terms = self._cost.terms(self._partition, names)
        down = replace(
            terms,
            offsets=terms.offsets[:, None],
            penalties=terms.penalties[:, None],
            lengths=terms.lengths[:, None],
            counts=terms.counts[:, None],
        )
        products = terms.vectors @ base.vectors.T
        means = products if base.vectors is base.means else terms.means @ base.means.T
        costs = self._cost.between(down, base, products, means)
        costs[np.searchsorted(alive, names)[:, None] == np.arange(len(alive))] = np.inf
        near = (
            np.argpartition(costs, k - 1, axis=1)[:, :k]
            if k < len(alive)
            else np.argsort(costs, axis=1)[:, :k]
        )
        values = np.take_along_axis(costs, near, 1)
        order = np.argsort(values, axis=1, kind="stable")
        return alive[np.take_along_axis(near, order, 1)], np.take_along_axis(values, order, 1)
