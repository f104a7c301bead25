"""The whole tree at once, where it does not matter in which order mutual nearest neighbors merge.

Under a reducible cost a merged cluster is no nearer to any third than the nearer of its parts was. Two clusters that
are each other's nearest then stay so whatever else merges, so all such pairs can merge in one round; and a cluster
whose nearest has not merged keeps it. Sorted by cost, the merges are those of one pair at a time.

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
    """Whether the order of merges of mutual nearest neighbors makes no difference."""
    plain = settings.regularizer == "none" or settings.weight == 0
    average = settings.linkage == "average" and settings.metric in ("sqeuclidean", "cosine") and plain
    ward = settings.linkage == "none" and settings.regularizer == "ward" and settings.weight > 0
    return average or ward


def reciprocal_tree(partition: Partition, cost: MergeCost, progress: Progress = no_progress) -> Pairs:
    """All merges down to one cluster, by cost; `partition` is used up."""
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
        # Rounding must not put a merge before the merges it is made of.
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
    """The nearest cluster of each, exact, with equals decided by name."""

    def __init__(self, partition: Partition, cost: MergeCost) -> None:
        self._partition, self._cost = partition, cost
        self.partners = CheapestPartners(partition, cost)
        self.name = np.zeros(len(partition.counts), np.int64)
        self.cost = np.full(len(partition.counts), np.inf)

    def find(self, names: Int64[np.ndarray, " m"]) -> None:
        """Look these up anew."""
        length, others = _LIST, len(self._partition.alive) - 1
        while len(names):
            found, rough = self.partners.search(names, length)
            near = rough <= rough[:, :1] + 2 * self.partners.slack
            rows, places = np.nonzero(near)
            one, other = names[rows], found[rows, places]
            first, second = np.minimum(one, other), np.maximum(one, other)
            exact = self._cost.of_pairs(self._partition, first, second)
            order = np.lexsort((second, first, np.round(exact, DECIMALS), rows))
            best = order[np.searchsorted(rows[order], np.arange(len(names)))]
            self.name[names], self.cost[names] = other[best], exact[best]
            unsure = near.all(axis=1) if found.shape[1] < others else np.zeros(len(names), bool)
            names, length = names[unsure], 4 * length


def _sorted(merges: list[Pairs]) -> Pairs:
    none = np.empty(0, np.int64)
    first = np.concatenate([none, *(part[0] for part in merges)])
    second = np.concatenate([none, *(part[1] for part in merges)])
    cost: Float64[np.ndarray, " m"] = np.concatenate([np.empty(0), *(part[2] for part in merges)])
    order = np.argsort(np.round(cost, DECIMALS), kind="stable")
    return first[order], second[order], cost[order]
