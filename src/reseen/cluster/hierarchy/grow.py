"""Bottom-up merging of rows: each step merges the cheapest pairs of clusters by costs that hold still within it.

Reference: the schedules of Lin et al., AAAI 2019 (BUC) and Zeng et al., CVPR 2020 (HCT): a share of the number of
rows is merged per step.
"""

from typing import Protocol

import numpy as np
from jaxtyping import Float32, Float64, Int64

from reseen.cluster.hierarchy.candidates import DECIMALS, CandidatePairs
from reseen.cluster.hierarchy.cost import MergeCost
from reseen.cluster.hierarchy.dense import DensePairs
from reseen.cluster.hierarchy.history import Hierarchy
from reseen.cluster.hierarchy.partition import Partition
from reseen.cluster.hierarchy.rules import Groups, Standing, choose
from reseen.cluster.hierarchy.settings import HierarchySettings
from reseen.cluster.hierarchy.single import SinglePairs
from reseen.cluster.hierarchy.tree import is_reducible, reciprocal_tree
from reseen.errors import ClusteringError

Pairs = tuple[Int64[np.ndarray, " p"], Int64[np.ndarray, " p"], Float64[np.ndarray, " p"]]


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


def grow_hierarchy(
    vectors: Float32[np.ndarray, "n d"],
    settings: HierarchySettings,
    groups: Int64[np.ndarray, " n"] | None = None,
    *,
    share_of: int | None = None,
    most_steps: int | None = None,
) -> Hierarchy:
    """Merge rows into clusters under `settings`; rows of one of the `groups` start as one cluster.

    The share that merges in a step is that of `share_of`, which is the number of clusters at the start where it is
    not given; after `most_steps` steps merging ends in any case: so can a hierarchy be grown step by step.
    The result does not depend on the order of rows, but for pairs of equal cost, which merge in row order.

    Raises:
        ClusteringError: a row is not finite or, on the sphere, zero; a cost is not finite.
    """
    rows = _checked(vectors, settings)
    start = _names(groups, len(rows))
    if (
        settings.share is None
        and most_steps is None
        and settings.engine != "dense"
        and is_reducible(settings)
    ):
        return _cut(
            start, reciprocal_tree(Partition.starting_with(rows, start), MergeCost(settings)), settings
        )
    source = _source(rows, start, settings)
    per_step = 1 if settings.share is None else max(1, int((share_of or source.count) * settings.share))
    steps = settings.steps if settings.stop == "steps" else len(rows)
    steps = steps if most_steps is None else min(steps, most_steps)
    standing = Standing(rows, start)
    merges: list[Pairs] = []
    while source.count > 1 and len(merges) < steps:
        wanted = min(per_step, source.count - (settings.clusters if settings.stop == "clusters" else 1))
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
    return _history(start, merges)


def _checked(vectors: Float32[np.ndarray, "n d"], settings: HierarchySettings) -> Float32[np.ndarray, "n d"]:
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    broken = np.flatnonzero(~np.isfinite(lengths))
    if len(broken):
        raise ClusteringError(
            f"{len(broken)} rows are not finite, the first is row {broken[0]}; nothing is clustered"
        )
    if settings.feature == "raw":
        return rows
    zero = np.flatnonzero(lengths == 0)
    if len(zero):
        raise ClusteringError(
            f"{len(zero)} rows are zero vectors, which have no direction, the first is row {zero[0]}; "
            "remove them, or take feature raw"
        )
    return (rows / lengths[:, None]).astype(np.float32)


def _names(groups: Int64[np.ndarray, " n"] | None, count: int) -> Int64[np.ndarray, " n"]:
    if groups is None:
        return np.arange(count)
    if len(groups) != count:
        raise ClusteringError(f"{count} rows but {len(groups)} groups to start from")
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return first[inverse]


def _source(
    rows: Float32[np.ndarray, "n d"], start: Int64[np.ndarray, " n"], settings: HierarchySettings
) -> PairSource:
    if settings.engine == "dense" or settings.needs_all_pairs:
        return DensePairs(rows, start, settings)
    if settings.linkage == "single":
        return SinglePairs(rows, start, settings)
    return CandidatePairs(Partition.starting_with(rows, start), MergeCost(settings))


def _take(source: PairSource, wanted: int, settings: HierarchySettings, standing: Standing) -> Pairs:
    """The merges of one step."""
    total = source.count * (source.count - 1) // 2
    asked = 2 * wanted
    while True:
        first, second, cost = source.cheapest(asked)
        if len(cost) and not np.isfinite(cost[: wanted + 1]).all():
            raise ClusteringError(
                "a merge cost is not finite; lower the weight of the regularizer, or scale the rows"
            )
        within = len(cost)
        if settings.stop == "distance":
            within = int(np.searchsorted(np.round(cost, DECIMALS), settings.distance, side="right"))
        places = choose(first[:within], second[:within], wanted, settings.merge, standing.ranks)
        if len(places) == wanted or within < len(cost) or len(cost) == total:
            return first[places], second[places], cost[places]
        asked = 2 * max(asked, len(cost))


def _cut(start: Int64[np.ndarray, " n"], tree: Pairs, settings: HierarchySettings) -> Hierarchy:
    """The merges of a whole tree that one pair at a time would come to."""
    first, second, cost = tree
    kept = len(first)
    if settings.stop == "steps":
        kept = min(kept, settings.steps)
    elif settings.stop == "clusters":
        kept = max(0, kept + 1 - settings.clusters)
    else:
        kept = int(np.searchsorted(np.round(cost, DECIMALS), settings.distance, side="right"))
    return Hierarchy(start, first[:kept], second[:kept], cost[:kept], np.arange(1, kept + 1))


def _history(start: Int64[np.ndarray, " n"], merges: list[Pairs]) -> Hierarchy:
    none = np.empty(0, np.int64)
    return Hierarchy(
        start,
        np.concatenate([none, *(first for first, _, _ in merges)]),
        np.concatenate([none, *(second for _, second, _ in merges)]),
        np.concatenate([np.empty(0), *(cost for _, _, cost in merges)]),
        np.repeat(np.arange(1, len(merges) + 1), [len(first) for first, _, _ in merges]),
    )
