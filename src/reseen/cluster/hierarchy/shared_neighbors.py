"""The cheapest pairs of clusters under average or single linkage of the k-reciprocal Jaccard distance.

Only pairs of rows that share a neighbor have a distance below 1. Average (or single) linkage needs only the sum (or the
maximum) of their similarities per pair of clusters; after a merge, pairs that have become equal are aggregated, in time
linear in the number of pairs. Clusters that share no neighbor have distance 1 and never merge, so merging may end
before the schedule does.

Reference: the distance of Zhong et al., "Re-ranking person re-identification with k-reciprocal encoding", CVPR 2017.
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
    """Rename pairs by `target`, drop pairs within one name, and sum the values of equal pairs, or take the `largest`.

    The smaller name of a pair comes first; equal pairs are added in their given order. Extra memory: 16 bytes per
    renamed pair, and as much again if fewer than half remain.
    """
    begins = np.zeros(len(target) + 1, np.int64)
    _count(first, second, target, begins)
    np.cumsum(begins, out=begins)
    others, sorted_values = np.empty(begins[-1], np.int32), np.empty(begins[-1])
    _deal(first, second, values, target, begins[:-1].copy(), others, sorted_values)
    names = np.empty(begins[-1], np.int32)
    kept = _fold(begins, others, sorted_values, np.full(len(target), -1, np.int64), largest, names)
    folded = names[:kept], others[:kept], sorted_values[:kept]
    return folded if 2 * kept > len(names) else (folded[0].copy(), folded[1].copy(), folded[2].copy())


def similar_pairs(distances: csr_array) -> Folded:
    """Each pair of a symmetric distance matrix once, the smaller row first, with similarity 1 - distance."""
    start, columns, values = distances.indptr.astype(np.int64), distances.indices, distances.data
    count = _above_diagonal(start, columns)
    first, second, similarity = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count)
    _pick(start, columns, values, first, second, similarity)
    return first, second, similarity


@compiled()
def _above_diagonal(start: np.ndarray, columns: np.ndarray) -> int:
    """Number of entries to the right of the diagonal."""
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
    """Write the entries to the right of the diagonal, row by row."""
    kept = 0
    for row in range(len(start) - 1):
        for place in range(start[row], start[row + 1]):
            if columns[place] > row:
                first[kept], second[kept] = row, columns[place]
                similarity[kept] = 1 - np.float64(values[place])
                kept += 1


@compiled()
def _count(first: np.ndarray, second: np.ndarray, target: np.ndarray, begins: np.ndarray) -> None:
    """Count the pairs of each smaller name, shifted by one for a cumulative sum."""
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
    """Sort pairs by their smaller name (counting sort)."""
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
    """Aggregate equal pairs, in place; returns the number of pairs that remain."""
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
"""Distances above this are 1: no neighbor is shared."""

PAIR_BYTES = 32
"""Peak memory in bytes per pair of rows that share a neighbor."""

_AT_ONCE = 1 << 20
"""Pairs whose costs are computed at once."""

Names = Int32[np.ndarray, " p"]


def shared_distances(rows: Float32[np.ndarray, "n d"], settings: JaccardSettings) -> csr_array:
    """Sparse symmetric (n, n) matrix of the Jaccard distances of unit rows that share a neighbor."""
    features = Features(torch.from_numpy(rows))
    return jaccard_distance(features, nearest(features, settings.columns), settings, _FARTHEST)


def count_shared_pairs(features: Features, settings: JaccardSettings) -> int:
    """Number of pairs of rows that share a neighbor."""
    distances = shared_distances(features.numpy, settings)
    return (distances.nnz - len(features)) // 2


class SharedPairs:
    """Cheapest pairs of clusters by shared neighbors; each pair is stored once."""

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
        """Number of clusters."""
        return len(self._partition.alive)

    def cheapest(self, minimum: int) -> Pairs:
        """At least the `minimum` cheapest pairs that share a neighbor, sorted by cost, then by name; all if fewer."""
        cost = self._cost = self._costs() if self._cost is None else self._cost
        first, second = self._first, self._second
        limit = np.partition(cost, minimum)[minimum] if minimum < len(cost) else np.inf
        if np.isfinite(limit):
            near = np.flatnonzero(cost <= limit + 10.0**-DECIMALS)  # including ties after rounding
            near = near[np.round(cost[near], DECIMALS) <= np.round(limit, DECIMALS)]
            first, second, cost = first[near], second[near], cost[near]
        order = np.lexsort((second, first, np.round(cost, DECIMALS)))
        return first[order].astype(np.int64), second[order].astype(np.int64), cost[order]

    def merge(self, target: Int64[np.ndarray, " n"]) -> None:
        """Merge clusters, as `Partition.merge` does."""
        self._partition.merge(target)
        if not np.array_equal(target, np.arange(len(target))):
            self._first, self._second, self._similarity = fold_pairs(
                self._first, self._second, self._similarity, target, self._largest
            )
        self._cost: Float64[np.ndarray, " p"] | None = None

    def _costs(self) -> Float64[np.ndarray, " p"]:
        """Merge cost of each pair."""
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
        """A function that returns the weighted regularizer of pairs."""
        if self._regularizer.joint:
            return partial(self._regularizer.of_pairs, self._partition)
        alive = self._partition.alive
        own = np.zeros(len(self._partition.counts))
        own[alive] = self._regularizer.penalties(self._partition, alive)
        return lambda first, second: own[first] + own[second]
