"""The complete tree for reducible costs, by merging all reciprocal nearest neighbors in rounds.

Under a reducible cost a merged cluster is no nearer to any third cluster than the nearer of its parts was. Two clusters
that are each other's nearest neighbors therefore remain so, and all such pairs can merge in one round; a cluster whose
nearest neighbor has not merged keeps it. Sorted by cost, the merges equal those of one pair at a time.

Reference: Bruynooghe, "Classification ascendante hierarchique des grands ensembles de donnees", 1978 (reducibility);
Sumengen et al., "Scaling hierarchical agglomerative clustering to billion-sized datasets", 2021 (merging in rounds).
"""

import numpy as np
from jaxtyping import Float64, Int64

from reseen.cluster.hierarchy.candidates import DECIMALS, Pairs
from reseen.cluster.hierarchy.cost import MergeCost
from reseen.cluster.hierarchy.partition import Partition
from reseen.cluster.hierarchy.partners import CheapestPartners
from reseen.cluster.hierarchy.settings import HierarchySettings
from reseen.cluster.hierarchy.steps import Progress, no_progress

_LIST = 3


def is_reducible(settings: HierarchySettings) -> bool:
    """Whether the cost is reducible, so that reciprocal nearest neighbors can merge in any order."""
    plain = settings.regularizer == "none" or settings.weight == 0
    average = settings.linkage == "average" and settings.metric in ("sqeuclidean", "cosine") and plain
    ward = settings.linkage == "none" and settings.regularizer == "ward" and settings.weight > 0
    return average or ward


def reciprocal_tree(partition: Partition, cost: MergeCost, progress: Progress = no_progress) -> Pairs:
    """All merges down to one cluster, sorted by cost; `partition` is modified."""
    nearest = _Nearest(partition, cost)
    height = np.zeros(len(partition.counts))
    merges: list[Pairs] = []
    stale = partition.alive
    while len(partition.alive) > 1:
        nearest.find(stale)
        first = partition.alive
        second = nearest.name[first]
        mutual = (nearest.name[second] == first) & (first < second)
        first, second = first[mutual], second[mutual]
        # Rounding must not order a merge before the merges of its parts.
        height[first] = np.maximum(nearest.cost[first], np.maximum(height[first], height[second]))
        merges.append((first, second, height[first]))
        progress(len(first))
        target = np.arange(len(height))
        target[second] = first
        changed = partition.merge(target)
        nearest.partners.refresh(first)
        alive = partition.alive
        stale = alive[changed[alive] | changed[nearest.name[alive]]]
    return _sorted(merges)


class _Nearest:
    """The nearest neighbor of each cluster, exact; ties are ordered by name."""

    def __init__(self, partition: Partition, cost: MergeCost) -> None:
        self._partition, self._cost = partition, cost
        self.partners = CheapestPartners(partition, cost)
        self.name = np.zeros(len(partition.counts), np.int64)
        self.cost = np.full(len(partition.counts), np.inf)

    def find(self, names: Int64[np.ndarray, " m"]) -> None:
        """Update the nearest neighbors of the named clusters."""
        length, others = _LIST, len(self._partition.alive) - 1
        while len(names):
            partners, rough = self.partners.search(names, length)
            near = rough <= rough[:, :1] + 2 * self.partners.slack
            rows, columns = np.nonzero(near)
            one, other = names[rows], partners[rows, columns]
            first, second = np.minimum(one, other), np.maximum(one, other)
            exact = self._cost.of_pairs(self._partition, first, second)
            order = np.lexsort((second, first, np.round(exact, DECIMALS), rows))
            best = order[np.searchsorted(rows[order], np.arange(len(names)))]
            self.name[names], self.cost[names] = other[best], exact[best]
            uncertain = near.all(axis=1) if partners.shape[1] < others else np.zeros(len(names), bool)
            names, length = names[uncertain], 4 * length


def _sorted(merges: list[Pairs]) -> Pairs:
    none = np.empty(0, np.int64)
    first = np.concatenate([none, *(part[0] for part in merges)])
    second = np.concatenate([none, *(part[1] for part in merges)])
    cost: Float64[np.ndarray, " m"] = np.concatenate([np.empty(0), *(part[2] for part in merges)])
    order = np.argsort(np.round(cost, DECIMALS), kind="stable")
    return first[order], second[order], cost[order]
