"""Step by step: the cheapest pairs merge by costs that hold still within a step."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from jaxtyping import Float32, Int64

from reseen.cluster.hierarchy.candidates import DECIMALS, CandidatePairs, Pairs
from reseen.cluster.hierarchy.cost import MergeCost
from reseen.cluster.hierarchy.dense import DensePairs
from reseen.cluster.hierarchy.partition import Partition
from reseen.cluster.hierarchy.partners import NOT_FINITE
from reseen.cluster.hierarchy.rules import Groups, MergePriority, choose
from reseen.cluster.hierarchy.settings import HierarchySettings
from reseen.cluster.hierarchy.shared_neighbors import SharedPairs
from reseen.cluster.hierarchy.single import SinglePairs
from reseen.errors import ClusteringError
from reseen.neighbors.csr import Allocate, in_memory
from reseen.records import Neighbors

Plan = Callable[[int, int], int]
"""From the number of steps done and the clusters left to the merges of the next step; 0 ends."""

Progress = Callable[[int], None]
"""Called with the number of merges just made."""


def no_progress(merges: int) -> None:
    """Show nothing."""


def merge_steps(
    rows: Float32[np.ndarray, "n d"],
    start: Int64[np.ndarray, " n"],
    settings: HierarchySettings,
    plan: Plan,
    progress: Progress = no_progress,
    allocate: Allocate = in_memory,
    neighbors: Neighbors | None = None,
) -> list[Pairs]:
    """The merges of each step, from the clusters named in `start`; ends early where nothing can merge.

    `allocate` and `neighbors` are as in `grow_hierarchy`.

    Raises:
        ClusteringError: a cost is not finite, or all pairs are needed and do not fit into memory.
    """
    source, standing = _source(rows, start, settings, allocate, neighbors), MergePriority(rows, start)
    merges: list[Pairs] = []
    while source.count > 1:
        wanted = min(plan(len(merges), source.count), source.count - 1)
        if wanted <= 0:
            break
        first, second, cost = _take(source, wanted, settings, standing)
        if len(first) == 0:
            break
        merges.append((first, second, cost))
        joined = Groups(len(rows))
        for one, other in zip(first.tolist(), second.tolist(), strict=True):
            joined.join(one, other)
        source.merge(joined.targets())
        standing.merge(joined.targets())
        progress(len(first))
    return merges


class PairSource(Protocol):
    """Where the cheapest pairs of the current clusters come from."""

    @property
    def count(self) -> int:
        """Clusters left."""
        ...

    def cheapest(self, wanted: int) -> Pairs:
        """At least the `wanted` cheapest pairs, or all there are: names (the smaller first) and costs, sorted."""
        ...

    def merge(self, target: Int64[np.ndarray, " n"]) -> None:
        """Join every cluster with the one that `target` names."""
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


def _take(source: PairSource, wanted: int, settings: HierarchySettings, standing: MergePriority) -> Pairs:
    """The merges of one step."""
    total = source.count * (source.count - 1) // 2
    asked = 2 * wanted
    while True:
        first, second, cost = source.cheapest(asked)
        if len(cost) and not np.isfinite(cost[: wanted + 1]).all():
            raise ClusteringError(NOT_FINITE)
        within = len(cost)
        if settings.stop == "distance":
            within = int(np.searchsorted(np.round(cost, DECIMALS), settings.distance, side="right"))
        places = choose(first[:within], second[:within], wanted, settings.merge, standing.ranks)
        if len(places) == wanted or within < len(cost) or len(cost) < asked or len(cost) == total:
            return first[places], second[places], cost[places]
        asked = 2 * max(asked, len(cost))
