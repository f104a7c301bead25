"""Merging in steps: in each step the cheapest pairs merge, with costs fixed within the step."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from jaxtyping import Float32, Int64

from reseen.cluster.hierarchy.candidates import DECIMALS, CandidatePairs, Pairs
from reseen.cluster.hierarchy.cost import MergeCost
from reseen.cluster.hierarchy.dense import DensePairs
from reseen.cluster.hierarchy.partition import Partition
from reseen.cluster.hierarchy.partners import NOT_FINITE
from reseen.cluster.hierarchy.rules import Groups, MergePriority, select_merges
from reseen.cluster.hierarchy.settings import HierarchySettings
from reseen.cluster.hierarchy.shared_neighbors import SharedPairs
from reseen.cluster.hierarchy.single import SinglePairs
from reseen.errors import ClusteringError
from reseen.neighbors.csr import Allocate, in_memory
from reseen.records import Neighbors

Plan = Callable[[int, int], int]
"""A function from the number of steps done and of remaining clusters to the merges of the next step; 0 stops."""

Progress = Callable[[int], None]
"""Called with the number of merges just made."""


def no_progress(merges: int) -> None:
    """A `Progress` that does nothing."""


def merge_steps(
    rows: Float32[np.ndarray, "n d"],
    start: Int64[np.ndarray, " n"],
    settings: HierarchySettings,
    plan: Plan,
    progress: Progress = no_progress,
    allocate: Allocate = in_memory,
    neighbors: Neighbors | None = None,
) -> list[Pairs]:
    """The merges of each step, starting with the clusters named in `start`; stops early if no pair can merge.

    `allocate` and `neighbors` are as in `grow_hierarchy`.

    Raises:
        ClusteringError: a cost is not finite, or all pairs are needed and do not fit into memory.
    """
    source, priority = _source(rows, start, settings, allocate, neighbors), MergePriority(rows, start)
    merges: list[Pairs] = []
    while source.count > 1:
        planned = min(plan(len(merges), source.count), source.count - 1)
        if planned <= 0:
            break
        first, second, cost = _take(source, planned, settings, priority)
        if len(first) == 0:
            break
        merges.append((first, second, cost))
        joined = Groups(len(rows))
        for one, other in zip(first.tolist(), second.tolist(), strict=True):
            joined.join(one, other)
        source.merge(joined.targets())
        priority.merge(joined.targets())
        progress(len(first))
    return merges


class PairSource(Protocol):
    """A source of the cheapest pairs of the current clusters."""

    @property
    def count(self) -> int:
        """Number of clusters."""
        ...

    def cheapest(self, minimum: int) -> Pairs:
        """At least the `minimum` cheapest pairs, or all: names (the smaller first) and costs, sorted by cost."""
        ...

    def merge(self, target: Int64[np.ndarray, " n"]) -> None:
        """Merge each cluster into the one that `target` names."""
        ...


def _source(
    rows: Float32[np.ndarray, "n d"],
    start: Int64[np.ndarray, " n"],
    settings: HierarchySettings,
    allocate: Allocate,
    neighbors: Neighbors | None,
) -> PairSource:
    if settings.engine == "dense" or settings.needs_all_pairs:
        return DensePairs(rows, start, settings)
    if settings.metric == "jaccard":
        return SharedPairs(rows, start, settings)
    if settings.linkage == "single":
        return SinglePairs(rows, start, settings)
    partition, cost = Partition.starting_with(rows, start, allocate), MergeCost(settings)
    alike = len(partition.alive) == len(rows) and settings.feature == "sphere" and cost.linear
    return CandidatePairs(
        partition,
        cost,
        settings.approximates(len(partition.alive)),
        allocate,
        neighbors
        if alike
        else None,  # the cheapest partners are the nearest rows only while all weigh the same
    )


def _take(source: PairSource, planned: int, settings: HierarchySettings, priority: MergePriority) -> Pairs:
    """The merges of one step, `planned` or fewer."""
    total = source.count * (source.count - 1) // 2
    requested = 2 * planned
    while True:
        first, second, cost = source.cheapest(requested)
        if len(cost) and not np.isfinite(cost[: planned + 1]).all():
            raise ClusteringError(NOT_FINITE)
        within = len(cost)
        if settings.stop == "distance":
            within = int(np.searchsorted(np.round(cost, DECIMALS), settings.distance, side="right"))
        chosen = select_merges(first[:within], second[:within], planned, settings.merge, priority.ranks)
        if len(chosen) == planned or within < len(cost) or len(cost) < requested or len(cost) == total:
            return first[chosen], second[chosen], cost[chosen]
        requested = 2 * max(requested, len(cost))
