"""The cheapest pairs of clusters under single linkage, exact, from lists of nearest rows.

The distance of two clusters is that of their nearest rows, so lists belong to rows and stay valid across merges: a pair
of rows represents the clusters that contain them. The last entry of a row's list is a lower bound for its distance to
every row not in the list; with the regularizer, it bounds the cost of pairs outside the pool. Rows whose lists contain
only their own cluster are compared with all other clusters at once.
"""

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from reseen.cluster.hierarchy.candidates import DECIMALS, Pairs
from reseen.cluster.hierarchy.cost import MergeCost
from reseen.cluster.hierarchy.partition import Partition
from reseen.cluster.hierarchy.partners import CheapestPartners
from reseen.cluster.hierarchy.settings import HierarchySettings

_LIST = 16
_GROWTH = 4
_LONGEST = 256
_BLOCK_CELLS = 1 << 22


class SinglePairs:
    """Cheapest pairs of clusters by their nearest rows."""

    def __init__(
        self, rows: Float32[np.ndarray, "n d"], start: Int64[np.ndarray, " n"], settings: HierarchySettings
    ) -> None:
        self._settings = settings
        self._rows = rows.astype(np.float64)
        self._lengths = np.einsum("nd,nd->n", self._rows, self._rows)
        squared = HierarchySettings(feature="raw", linkage="average", regularizer="none")
        self._near = CheapestPartners(Partition(rows), MergeCost(squared))
        self._partition = Partition.starting_with(rows, start)
        self._regularizer = MergeCost(settings.model_copy(update={"linkage": "none"}))
        self._bound = np.full(len(rows), np.inf)
        self._length = np.full(len(rows), _LIST)
        self._row, self._other = np.empty(0, np.int64), np.empty(0, np.int64)
        self._squared = np.empty(0)
        self._search(np.arange(len(rows)))

    @property
    def count(self) -> int:
        """Number of clusters."""
        return len(self._partition.alive)

    def cheapest(self, minimum: int) -> Pairs:
        """At least the `minimum` cheapest pairs, sorted by cost, then by name; all pairs if there are fewer."""
        total = self.count * (self.count - 1) // 2
        reach = 4 * minimum
        while True:
            penalties = self._penalties()
            floor = self._distance(self._bound) + penalties[self._partition.owner]
            ceiling = floor.min(initial=np.inf) + penalties[self._partition.alive].min(initial=np.inf)
            pairs, limit = self._up_to(ceiling, reach, penalties)
            if len(pairs[0]) >= min(minimum, total):
                return pairs
            if limit < ceiling:
                reach *= 4
            else:
                self._lengthen(floor, self._prices(penalties), reach)

    def merge(self, target: Int64[np.ndarray, " n"]) -> None:
        """Merge clusters, as `Partition.merge` does."""
        self._partition.merge(target)
        self._keep(self._partition.owner[self._row] != self._partition.owner[self._other])

    def _distance(self, squared: Float64[np.ndarray, " p"]) -> Float64[np.ndarray, " p"]:
        """Distances of the metric, from squared Euclidean distances."""
        squared = np.maximum(squared, 0)
        return {"sqeuclidean": squared, "euclidean": np.sqrt(squared), "cosine": squared / 2}[
            self._settings.metric
        ]

    def _penalties(self) -> Float64[np.ndarray, " n"]:
        """Weighted regularizer of each single cluster, by name."""
        result = np.zeros(len(self._partition.counts))
        alive = self._partition.alive
        result[alive] = self._regularizer.penalties(self._partition, alive)
        return result

    def _search(self, rows: Int64[np.ndarray, " m"]) -> None:
        """Search the nearest rows of these rows, with their list lengths; pairs within a cluster are left out."""
        for length in np.unique(self._length[rows]):
            same_length = rows[self._length[rows] == length]
            if length > _LONGEST:
                self._search_all(same_length)
                continue
            others, squared = self._near.search(same_length, int(length))
            complete = others.shape[1] >= len(self._rows) - 1
            self._bound[same_length] = np.inf if complete else squared[:, -1] - self._near.slack
            self._add(np.repeat(same_length, others.shape[1]), others.reshape(-1), squared.reshape(-1))

    def _search_all(self, rows: Int64[np.ndarray, " m"]) -> None:
        """Search the nearest row of every other cluster for each of these rows."""
        order = np.argsort(self._partition.owner, kind="stable")
        starts = np.searchsorted(self._partition.owner[order], self._partition.alive)
        transposed = self._rows[order].T
        at_once = max(1, _BLOCK_CELLS // max(1, len(order)))
        for begin in range(0, len(rows), at_once):
            part = rows[begin : begin + at_once]
            block = self._lengths[part, None] + self._lengths[order] - 2 * (self._rows[part] @ transposed)
            least = np.minimum.reduceat(block, starts, axis=1)
            sizes = np.diff(np.append(starts, len(order)))
            is_least = block <= np.repeat(least, sizes, axis=1)
            row, column = np.nonzero(is_least)
            self._add(part[row], order[column], block[row, column])
        self._bound[rows] = np.inf

    def _add(
        self, row: Int64[np.ndarray, " p"], other: Int64[np.ndarray, " p"], squared: Float64[np.ndarray, " p"]
    ) -> None:
        owner = self._partition.owner
        apart = owner[row] != owner[other]
        self._row = np.concatenate([self._row, row[apart]])
        self._other = np.concatenate([self._other, other[apart]])
        self._squared = np.concatenate([self._squared, squared[apart]])

    def _lengthen(
        self, floor: Float64[np.ndarray, " n"], prices: Float64[np.ndarray, " p"], minimum: int
    ) -> None:
        """Search again, with longer lists, the rows whose bounds exclude the cheapest `minimum` pairs."""
        reach = np.inf
        if len(prices) > minimum:
            reach = float(np.partition(prices, minimum)[minimum])
        rows = np.flatnonzero(np.isfinite(self._bound) & (floor <= max(reach, floor.min())))
        again = np.zeros(len(self._bound), bool)
        again[rows] = True
        self._keep(~again[self._row])
        self._length[rows] *= _GROWTH
        self._search(rows)

    def _up_to(self, ceiling: float, reach: int, penalties: Float64[np.ndarray, " n"]) -> tuple[Pairs, float]:
        """The pairs of the pool that are cheaper than every pair outside, sorted, and the cost up to which all are."""
        ends = self._partition.owner[self._row], self._partition.owner[self._other]
        price = self._prices(penalties)
        limit = ceiling
        if len(price) > reach:
            limit = min(ceiling, float(np.partition(price, reach)[reach]))
        near = np.flatnonzero(price <= limit)
        first, second = np.minimum(ends[0][near], ends[1][near]), np.maximum(ends[0][near], ends[1][near])
        link = self._distance(self._exact(self._row[near], self._other[near]))
        order = np.lexsort((link, second, first))
        first, second, link = first[order], second[order], link[order]
        fresh = np.ones(len(order), bool)
        fresh[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
        first, second, link = first[fresh], second[fresh], link[fresh]
        cost = link + self._regularizer.of_pairs(self._partition, first, second)
        rounded = np.round(cost, DECIMALS)
        kept = rounded < limit - 10.0**-DECIMALS if np.isfinite(limit) else np.ones(len(cost), bool)
        first, second, cost, rounded = first[kept], second[kept], cost[kept], rounded[kept]
        order = np.lexsort((second, first, rounded))
        return (first[order], second[order], cost[order]), limit

    def _prices(self, penalties: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " p"]:
        """Lower bound for the merge cost of the clusters of each pair in the pool."""
        owner = self._partition.owner
        distance = self._distance(self._squared - self._near.slack)
        return distance + penalties[owner[self._row]] + penalties[owner[self._other]]

    def _exact(
        self, row: Int64[np.ndarray, " p"], other: Int64[np.ndarray, " p"]
    ) -> Float64[np.ndarray, " p"]:
        at_once = max(1, _BLOCK_CELLS // self._rows.shape[1])
        parts = [np.zeros(0)]
        for begin in range(0, len(row), at_once):
            apart = self._rows[row[begin : begin + at_once]] - self._rows[other[begin : begin + at_once]]
            parts.append(np.einsum("pd,pd->p", apart, apart))
        return np.concatenate(parts)

    def _keep(self, kept: Bool[np.ndarray, " p"]) -> None:
        self._row, self._other, self._squared = self._row[kept], self._other[kept], self._squared[kept]
