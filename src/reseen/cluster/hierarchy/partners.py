"""The cheapest partners of clusters, without a matrix of all pairs."""

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
"""Longest lists that are kept sorted while blocks of products go by; FAISS has a better way for longer ones."""
_SHARD, _QUERIES = 1 << 17, 1 << 14
"""Clusters that FAISS is given at once, to be searched and to search."""
_SINGLE_ROUNDING = 1e-5
"""Largest error of an inner product of float32 rows, as a share of the largest products and offsets."""
_DOUBLE_ROUNDING = 1e-11


class CheapestPartners:
    """Search over the clusters of a partition, exact unless asked for an approximate one.

    Linear costs go to FAISS as a search for the largest inner product of `[f v_a, -1]` and `[v_b, u_b]` in float32;
    the others are computed in blocks of float64. `slack` bounds the error of a cost that a search returns.
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
        """Largest error of a returned cost."""
        return self._scale * (_SINGLE_ROUNDING if self._cost.linear else _DOUBLE_ROUNDING)

    def refresh(self, names: Int64[np.ndarray, " m"]) -> None:
        """Take in clusters that are new.

        Raises:
            ClusteringError: costs are beyond the numbers that a search computes with.
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

        With k or fewer other clusters, all of them. An approximate search looks into more lists for a larger k, into
        all of them in the end; where it finds fewer than k, the rest are named -1.
        """
        alive = self._partition.alive
        k = min(k, len(alive) - 1)
        if self._cost.linear:
            return self._by_product(names, alive, k)
        found, costs = np.empty((len(names), k), np.int64), np.empty((len(names), k))
        at_once = max(1, (_BLOCK_CELLS * 4) // max(len(alive), 1))
        base = self._cost.terms(self._partition, alive)
        for begin in range(0, len(names), at_once):
            part = slice(begin, begin + at_once)
            found[part], costs[part] = self._in_block(names[part], alive, base, k)
        return found, costs

    def of_neighbors(
        self, neighbors: Neighbors, k: int
    ) -> tuple[Int64[np.ndarray, "n k"], Float64[np.ndarray, "n k"]]:
        """As `search` for all clusters, each a single unit row, whose k nearest others are known already."""
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
        if self._lists and k < len(alive) - 1 and self._lists.pay(len(alive), probes):
            best = self._lists.search(names, alive, k, probes)
            return best.names, own[:, None] - best.values
        if k <= _SHORT:
            best = largest_products(self._rows, names, alive, self._cost.factor, k)
            return best.names, own[:, None] - best.values
        partners, costs = np.empty((len(names), 0), np.int64), np.empty((len(names), 0))
        for begin in range(0, len(alive), _SHARD):
            found, products = self._by_faiss(names, alive[begin : begin + _SHARD], k + 1)
            partners = np.concatenate([partners, found], axis=1)
            costs = np.concatenate([costs, own[:, None] - products], axis=1)
        costs[partners == names[:, None]] = np.inf  # itself, which another may have pushed out of the list
        order = np.argsort(costs, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(partners, order, 1), np.take_along_axis(costs, order, 1)

    def _by_faiss(
        self, names: Int64[np.ndarray, " m"], shard: Int64[np.ndarray, " c"], k: int
    ) -> tuple[Int64[np.ndarray, "m k"], Float32[np.ndarray, "m k"]]:
        """The clusters of a shard with the largest products, and these."""
        import faiss

        faiss.omp_set_num_threads(torch.get_num_threads())
        rows, k = self._rows[shard], min(k, len(shard))
        found, products = np.empty((len(names), k), np.int64), np.empty((len(names), k), np.float32)
        for begin in range(0, len(names), _QUERIES):
            part = slice(begin, begin + _QUERIES)
            query = as_queries(self._rows[names[part]], self._cost.factor)
            products[part], places = faiss.knn(query, rows, k, metric=faiss.METRIC_INNER_PRODUCT)
            found[part] = shard[places]
        return found, products

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
