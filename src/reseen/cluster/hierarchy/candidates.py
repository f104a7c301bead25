"""The cheapest pairs of clusters, exact, from short lists that survive from step to step.

Each cluster is searched once, when it is made, against all clusters there are then; its k cheapest partners go into
a pool of pairs, and its k-th cost bounds from below every pair that the search has seen and left out. Of two
clusters the later search has seen the other as it is, so a pair outside the pool costs at least the bound of one of
its two. All pairs up to the smallest bound are therefore in the pool: they are scored anew in float64 and sorted.
When more are needed, the clusters with the smallest bounds are searched again for longer lists. A merge drops the
pairs of the clusters it changes, and nothing else.

Over an approximate search a bound holds only for what that search has seen. It is taken for a bound all the same:
pairs that were not seen are missed until one of their two merges, and what merges still merges at its true cost.
"""

import numpy as np
from jaxtyping import Bool, Float64, Int64

from reseen.cluster.hierarchy.cost import MergeCost
from reseen.cluster.hierarchy.partition import Partition
from reseen.cluster.hierarchy.partners import CheapestPartners
from reseen.neighbors.csr import Allocate, in_memory
from reseen.records import Neighbors

DECIMALS = 10
"""Costs that agree to this many decimals are equal; then the names decide."""

_LIST = 16
_GROWTH = 4

Pairs = tuple[Int64[np.ndarray, " p"], Int64[np.ndarray, " p"], Float64[np.ndarray, " p"]]
"""First and second name, and cost."""


class CandidatePairs:
    """Cheapest pairs of the clusters of a partition, for costs told from counts and sums."""

    def __init__(
        self,
        partition: Partition,
        cost: MergeCost,
        approximate: bool = False,
        allocate: Allocate = in_memory,
        neighbors: Neighbors | None = None,
    ) -> None:
        """Of clusters that are single unit rows under linear costs, the first lists may come from `neighbors`."""
        self._partition, self._cost = partition, cost
        self._partners = CheapestPartners(partition, cost, approximate, allocate)
        n = len(partition.counts)
        self._bound = np.full(n, np.inf)
        self._length = np.full(n, _LIST)
        self._searcher = np.empty(0, np.int64)
        self._partner = np.empty(0, np.int64)
        self._price = np.empty(0)
        self._new = partition.alive
        if neighbors is not None and self.count > 1:
            self._note(self._new, *self._partners.of_neighbors(neighbors, _LIST))
            self._new = self._new[:0]

    @property
    def count(self) -> int:
        """Clusters left."""
        return len(self._partition.alive)

    def cheapest(self, wanted: int) -> Pairs:
        """At least the `wanted` cheapest pairs by cost, equals by name; all of them where there are fewer."""
        self._search(self._new)
        self._new = self._new[:0]
        total = self.count * (self.count - 1) // 2
        while True:
            ceiling = self._bound[self._partition.alive].min(initial=np.inf)
            pairs = self._up_to(ceiling, wanted)
            if len(pairs[0]) >= min(wanted, total):
                return pairs
            self._lengthen(ceiling, wanted)

    def merge(self, target: Int64[np.ndarray, " n"]) -> None:
        """Join clusters: see `Partition.merge`."""
        changed = self._partition.merge(target)
        self._keep(~(changed[self._searcher] | changed[self._partner]))
        self._new = np.flatnonzero(changed & (self._partition.counts > 0))
        self._length[self._new] = _LIST
        self._partners.refresh(self._new)

    def _search(self, names: Int64[np.ndarray, " m"]) -> None:
        """Fill the pool with the lists of these clusters, by their lengths."""
        for length in np.unique(self._length[names]):
            rows = names[self._length[names] == length]
            self._note(rows, *self._partners.search(rows, int(length)))

    def _note(
        self,
        rows: Int64[np.ndarray, " m"],
        partners: Int64[np.ndarray, "m k"],
        costs: Float64[np.ndarray, "m k"],
    ) -> None:
        """Take the pairs of a search into the pool, and its bounds."""
        complete = partners.shape[1] >= self.count - 1
        known = partners >= 0
        reached = costs.max(axis=1, where=known, initial=-np.inf)
        self._bound[rows] = np.inf if complete else reached - self._partners.slack
        self._searcher = np.concatenate([self._searcher, np.repeat(rows, known.sum(axis=1))])
        self._partner = np.concatenate([self._partner, partners[known]])
        self._price = np.concatenate([self._price, costs[known]])

    def _lengthen(self, ceiling: float, wanted: int) -> None:
        """Search again, for longer lists, the clusters whose bounds stand in the way of the wanted pairs."""
        alive = self._partition.alive
        prices = self._price
        reach = np.partition(prices, wanted * 2)[wanted * 2] if len(prices) > wanted * 2 else np.inf
        rows = alive[self._bound[alive] <= max(ceiling, reach)]
        rows = rows[self._bound[rows] < np.inf]
        again = np.zeros(len(self._bound), bool)
        again[rows] = True
        self._keep(~again[self._searcher])
        self._length[rows] *= _GROWTH
        self._search(rows)

    def _up_to(self, ceiling: float, wanted: int) -> Pairs:
        """The cheapest pooled pairs that no pair outside the pool can undercut."""
        slack = self._partners.slack
        limit = ceiling
        if len(self._price) > 2 * wanted:  # a pair may stand in the pool twice
            limit = min(ceiling, float(np.partition(self._price, 2 * wanted)[2 * wanted]) + slack)
        near = self._price <= limit + slack
        searcher, partner = self._searcher[near], self._partner[near]
        keys = np.unique(np.minimum(searcher, partner) * len(self._bound) + np.maximum(searcher, partner))
        first, second = keys // len(self._bound), keys % len(self._bound)
        cost = self._cost.of_pairs(self._partition, first, second)
        rounded = np.round(cost, DECIMALS)
        kept = rounded < limit - 10.0**-DECIMALS if np.isfinite(limit) else np.ones(len(cost), bool)
        first, second, cost, rounded = first[kept], second[kept], cost[kept], rounded[kept]
        order = np.lexsort((second, first, rounded))
        return first[order], second[order], cost[order]

    def _keep(self, kept: Bool[np.ndarray, " p"]) -> None:
        self._searcher, self._partner, self._price = (
            self._searcher[kept],
            self._partner[kept],
            self._price[kept],
        )
