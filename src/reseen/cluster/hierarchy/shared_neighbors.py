"""The cheapest pairs of clusters by the neighbors they share: linkage over the k-reciprocal Jaccard distance.

Of all pairs of rows only those that share a neighbor have a distance below 1; the sums (or the largest) of their
similarities over pairs of clusters are all that average (or single) linkage needs, and merging folds them together.
Clusters that share no neighbor stand at distance 1 and never merge, so merging may end before the schedule does.

Reference: the distance of Zhong et al., "Re-ranking person re-identification with k-reciprocal encoding", CVPR 2017.

Pairs of clusters under new names: pairs that have become one are folded together, in time linear in their number.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int32, Int64
from scipy.sparse import csr_array

from reseen.cluster.hierarchy.candidates import DECIMALS, Pairs
from reseen.cluster.hierarchy.cost import MergeCost
from reseen.cluster.hierarchy.partition import Partition
from reseen.cluster.hierarchy.settings import HierarchySettings
from reseen.compiled import compiled
from reseen.neighbors import JaccardSettings, jaccard_distance, nearest
from reseen.records import Features

Folded = tuple[Int32[np.ndarray, " q"], Int32[np.ndarray, " q"], Float64[np.ndarray, " q"]]


def fold_pairs(
    first: Int32[np.ndarray, " p"],
    second: Int32[np.ndarray, " p"],
    values: Float64[np.ndarray, " p"],
    target: Int64[np.ndarray, " n"],
    largest: bool = False,
) -> Folded:
    """Name every pair anew, drop those within one name, and sum the values of equals, or take the largest.

    The smaller name of a pair comes first; equals are added in the order in which they stood. Stands in memory beside
    the pairs: 16 bytes for each that is left or folded away, and as many again where less than half are left.
    """
    begins = np.zeros(len(target) + 1, np.int64)
    _count(first, second, target, begins)
    np.cumsum(begins, out=begins)
    others, sorted_values = np.empty(begins[-1], np.int32), np.empty(begins[-1])
    _deal(first, second, values, target, begins[:-1].copy(), others, sorted_values)
    names = np.empty(begins[-1], np.int32)
    kept = _fold(begins, others, sorted_values, np.full(len(target), -1, np.int64), largest, names)
    found = names[:kept], others[:kept], sorted_values[:kept]
    return found if 2 * kept > len(names) else (found[0].copy(), found[1].copy(), found[2].copy())


def similar_pairs(distances: csr_array) -> Folded:
    """Each pair of a symmetric matrix of distances once, the smaller row first, with 1 less the distance."""
    start, columns, values = distances.indptr.astype(np.int64), distances.indices, distances.data
    count = _above_diagonal(start, columns)
    first, second, similarity = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count)
    _pick(start, columns, values, first, second, similarity)
    return first, second, similarity


@compiled()
def _above_diagonal(start: np.ndarray, columns: np.ndarray) -> int:
    """Entries to the right of the diagonal."""
    count = 0
    for row in range(len(start) - 1):
        for place in range(start[row], start[row + 1]):
            count += columns[place] > row
    return count


@compiled()
def _pick(
    start: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    similarity: np.ndarray,
) -> None:
    """Write those entries, row by row."""
    kept = 0
    for row in range(len(start) - 1):
        for place in range(start[row], start[row + 1]):
            if columns[place] > row:
                first[kept], second[kept] = row, columns[place]
                similarity[kept] = 1 - np.float64(values[place])
                kept += 1


@compiled()
def _count(first: np.ndarray, second: np.ndarray, target: np.ndarray, begins: np.ndarray) -> None:
    """Pairs of each smaller name, one place further on."""
    for place in range(len(first)):
        one, other = target[first[place]], target[second[place]]
        if one != other:
            begins[min(one, other) + 1] += 1


@compiled()
def _deal(
    first: np.ndarray,
    second: np.ndarray,
    values: np.ndarray,
    target: np.ndarray,
    free: np.ndarray,
    others: np.ndarray,
    sorted_values: np.ndarray,
) -> None:
    """Put the pairs of each smaller name side by side."""
    for place in range(len(first)):
        one, other = target[first[place]], target[second[place]]
        if one != other:
            name = min(one, other)
            others[free[name]], sorted_values[free[name]] = max(one, other), values[place]
            free[name] += 1


@compiled()
def _fold(
    begins: np.ndarray,
    others: np.ndarray,
    values: np.ndarray,
    seen: np.ndarray,
    largest: bool,
    names: np.ndarray,
) -> int:
    """Fold equals, in place; how many pairs are left."""
    kept = 0
    for name in range(len(begins) - 1):
        start = kept
        for place in range(begins[name], begins[name + 1]):
            other, value = others[place], values[place]
            where = seen[other]
            if where < start:
                seen[other] = kept
                names[kept], others[kept], values[kept] = name, other, value
                kept += 1
            elif largest:
                values[where] = max(values[where], value)
            else:
                values[where] += value
    return kept


_FARTHEST = 1 - 1e-6
"""A distance above this is 1: nothing is shared."""

PAIR_BYTES = 32
"""Memory that merging takes at most for each pair of rows that share a neighbor."""

_AT_ONCE = 1 << 20
"""Pairs whose costs are counted at once."""

Names = Int32[np.ndarray, " p"]


def shared_distances(rows: Float32[np.ndarray, "n d"], settings: JaccardSettings) -> csr_array:
    """The Jaccard distance of every pair of unit rows that share a neighbor, (n, n), symmetric."""
    features = Features(torch.from_numpy(rows))
    return jaccard_distance(features, nearest(features, settings.columns), settings, _FARTHEST)


def count_shared_pairs(features: Features, settings: JaccardSettings) -> int:
    """How many pairs of rows share a neighbor."""
    distances = shared_distances(features.numpy, settings)
    return (distances.nnz - len(features)) // 2


class SharedPairs:
    """Cheapest pairs of the clusters of a partition by shared neighbors; each pair is held once."""

    def __init__(
        self, rows: Float32[np.ndarray, "n d"], start: Int64[np.ndarray, " n"], settings: HierarchySettings
    ) -> None:
        self._largest = settings.linkage == "single"
        self._mean = settings.linkage == "average"
        self._partition = Partition(rows)
        self._regularizer = MergeCost(
            settings.model_copy(update={"linkage": "none", "metric": "sqeuclidean"})
        )
        self._first, self._second, self._similarity = similar_pairs(shared_distances(rows, settings.jaccard))
        self.merge(start)

    @property
    def count(self) -> int:
        """Clusters left."""
        return len(self._partition.alive)

    def cheapest(self, wanted: int) -> Pairs:
        """At least the `wanted` cheapest pairs that share a neighbor, equals by name; all where there are fewer."""
        cost = self._cost = self._costs() if self._cost is None else self._cost
        first, second = self._first, self._second
        limit = np.partition(cost, wanted)[wanted] if wanted < len(cost) else np.inf
        if np.isfinite(limit):
            near = np.flatnonzero(cost <= limit + 10.0**-DECIMALS)  # with all that round to the same
            near = near[np.round(cost[near], DECIMALS) <= np.round(limit, DECIMALS)]
            first, second, cost = first[near], second[near], cost[near]
        order = np.lexsort((second, first, np.round(cost, DECIMALS)))
        return first[order].astype(np.int64), second[order].astype(np.int64), cost[order]

    def merge(self, target: Int64[np.ndarray, " n"]) -> None:
        """Join clusters: see `Partition.merge`."""
        self._partition.merge(target)
        if not np.array_equal(target, np.arange(len(target))):
            self._first, self._second, self._similarity = fold_pairs(
                self._first, self._second, self._similarity, target, self._largest
            )
        self._cost: Float64[np.ndarray, " p"] | None = None

    def _costs(self) -> Float64[np.ndarray, " p"]:
        """What merging each pair costs."""
        cost, penalties = np.empty(len(self._similarity)), self._penalties()
        for begin in range(0, len(cost), _AT_ONCE):
            part = slice(begin, begin + _AT_ONCE)
            first, second, similarity = self._first[part], self._second[part], self._similarity[part]
            if self._mean:
                counts = self._partition.counts
                similarity = similarity / (counts[first] * counts[second])
            cost[part] = 1 - similarity + penalties(first, second)
        return cost

    def _penalties(self) -> Callable[[Names, Names], Float64[np.ndarray, " p"]]:
        """The weighted regularizer of pairs."""
        if self._regularizer.joint:
            return partial(self._regularizer.of_pairs, self._partition)
        alive = self._partition.alive
        own = np.zeros(len(self._partition.counts))
        own[alive] = self._regularizer.penalties(self._partition, alive)
        return lambda first, second: own[first] + own[second]
