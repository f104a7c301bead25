"""The cheapest pairs of clusters, exact, from a pool of candidate pairs that is kept from step to step.

Each cluster is searched once, when it is created, against all clusters that exist then; its k cheapest partners go into
the pool, and its k-th cost is a lower bound for every pair that the search left out. Of two clusters, the later search
has seen the other in its current state, so a pair outside the pool costs at least the bound of one of the two. All
pairs below the smallest bound are therefore in the pool: their costs are recomputed in float64 and sorted. If more are
needed, the clusters with the smallest bounds are searched again for longer lists. A merge removes only the pairs of the
clusters that it changes.

With an approximate search, the bounds only cover the pairs that the search has seen: missed pairs cannot merge until
one of their clusters changes. Merge costs are exact in any case.
"""

import numpy as np
from jaxtyping import Bool, Float64, Int64

from reseen.cluster.hierarchy.cost import MergeCost
from reseen.cluster.hierarchy.partition import Partition
from reseen.cluster.hierarchy.partners import CheapestPartners
from reseen.neighbors.csr import Allocate, in_memory
from reseen.records import Neighbors

DECIMALS = 10
"""Costs that agree to this many decimals are ties, which are ordered by name."""

_LIST = 16
"""Initial length of a cluster's list of partners."""
_GROWTH = 4
"""Factor by which lists are lengthened."""

Pairs = tuple[Int64[np.ndarray, " p"], Int64[np.ndarray, " p"], Float64[np.ndarray, " p"]]
"""First and second cluster name of each pair, and cost."""


class CandidatePairs:
    """Cheapest pairs of clusters of a partition, for costs computed from counts and sums."""

    def __init__(
        self,
        partition: Partition,
        cost: MergeCost,
        approximate: bool = False,
        allocate: Allocate = in_memory,
        neighbors: Neighbors | None = None,
    ) -> None:
        """If all clusters are single unit rows and costs are linear, `neighbors` may replace the first search."""
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
        """Number of clusters."""
        return len(self._partition.alive)

    def cheapest(self, minimum: int) -> Pairs:
        """At least the `minimum` cheapest pairs, sorted by cost, then by name; all pairs if there are fewer."""
        self._search(self._new)
        self._new = self._new[:0]
        total = self.count * (self.count - 1) // 2
        while True:
            ceiling = self._bound[self._partition.alive].min(initial=np.inf)
            pairs = self._up_to(ceiling, minimum)
            if len(pairs[0]) >= min(minimum, total):
                return pairs
            self._lengthen(ceiling, minimum)

    def merge(self, target: Int64[np.ndarray, " n"]) -> None:
        """Merge clusters, as `Partition.merge` does."""
        changed = self._partition.merge(target)
        self._keep(~(changed[self._searcher] | changed[self._partner]))
        self._new = np.flatnonzero(changed & (self._partition.counts > 0))
        self._length[self._new] = _LIST
        self._partners.refresh(self._new)

    def _search(self, names: Int64[np.ndarray, " m"]) -> None:
        """Search these clusters, with their list lengths, and add the pairs to the pool."""
        for length in np.unique(self._length[names]):
            rows = names[self._length[names] == length]
            self._note(rows, *self._partners.search(rows, int(length)))

    def _note(
        self,
        rows: Int64[np.ndarray, " m"],
        partners: Int64[np.ndarray, "m k"],
        costs: Float64[np.ndarray, "m k"],
    ) -> None:
        """Add the pairs of a search to the pool, and record its bounds."""
        complete = partners.shape[1] >= self.count - 1
        known = partners >= 0
        reached = costs.max(axis=1, where=known, initial=-np.inf)
        self._bound[rows] = np.inf if complete else reached - self._partners.slack
        self._searcher = np.concatenate([self._searcher, np.repeat(rows, known.sum(axis=1))])
        self._partner = np.concatenate([self._partner, partners[known]])
        self._price = np.concatenate([self._price, costs[known]])

    def _lengthen(self, ceiling: float, minimum: int) -> None:
        """Search again, with longer lists, the clusters whose bounds exclude the cheapest `minimum` pairs."""
        alive = self._partition.alive
        prices = self._price
        reach = np.partition(prices, minimum * 2)[minimum * 2] if len(prices) > minimum * 2 else np.inf
        rows = alive[self._bound[alive] <= max(ceiling, reach)]
        rows = rows[self._bound[rows] < np.inf]
        again = np.zeros(len(self._bound), bool)
        again[rows] = True
        self._keep(~again[self._searcher])
        self._length[rows] *= _GROWTH
        self._search(rows)

    def _up_to(self, ceiling: float, minimum: int) -> Pairs:
        """The pairs of the pool that are cheaper than every pair outside, sorted."""
        slack = self._partners.slack
        limit = ceiling
        if len(self._price) > 2 * minimum:  # a pair may be in the pool twice
            limit = min(ceiling, float(np.partition(self._price, 2 * minimum)[2 * minimum]) + slack)
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
