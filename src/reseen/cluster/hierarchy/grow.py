"""Bottom-up merging of rows: each step merges the cheapest pairs of clusters by costs that hold still within it.

Reference: the schedules of Lin et al., AAAI 2019 (BUC) and Zeng et al., CVPR 2020 (HCT): a share of the number of
rows is merged per step.
"""

import numpy as np
from jaxtyping import Float32, Int64

from reseen.cluster.hierarchy.auto import PASSES, choose_count
from reseen.cluster.hierarchy.candidates import DECIMALS
from reseen.cluster.hierarchy.cost import MergeCost
from reseen.cluster.hierarchy.history import Hierarchy
from reseen.cluster.hierarchy.inverted_lists import describe
from reseen.cluster.hierarchy.partition import Partition
from reseen.cluster.hierarchy.settings import HierarchySettings
from reseen.cluster.hierarchy.steps import Pairs, Plan, Progress, merge_steps, no_progress
from reseen.cluster.hierarchy.tree import is_reducible, reciprocal_tree
from reseen.errors import ClusteringError
from reseen.neighbors.csr import Allocate, in_memory
from reseen.records import Neighbors


def grow_hierarchy(
    vectors: Float32[np.ndarray, "n d"],
    settings: HierarchySettings,
    groups: Int64[np.ndarray, " n"] | None = None,
    *,
    share_of: int | None = None,
    most_steps: int | None = None,
    progress: Progress = no_progress,
    allocate: Allocate = in_memory,
    neighbors: Neighbors | None = None,
) -> Hierarchy:
    """Merge rows into clusters under `settings`; rows of one of the `groups` start as one cluster.

    The share that merges in a step is that of `share_of`, which is the number of clusters at the start where it is
    not given; after `most_steps` steps merging ends in any case: so can a hierarchy be grown step by step.
    The result does not depend on the order of rows, but for pairs of equal cost, which merge in row order, and for
    what an approximate search misses: a note says when there was one, and the same rows give the same clusters.
    `progress` is called with merges as they are made, of `most_merges` at most.
    Where the costs are inner products, matrices of as many rows as there are come from `allocate`, and `neighbors` of
    the rows, if they are known, save the first search, with what an approximate one missed.

    Raises:
        ClusteringError: a row is not finite or, on the sphere, zero; a cost is not finite; all pairs are needed and do
            not fit into memory.
    """
    rows = _checked(vectors, settings, allocate)
    start = _names(groups, len(rows))
    clusters = len(np.unique(start))
    notes = (describe(clusters),) if settings.approximates(clusters) else ()
    if settings.stop == "auto":
        merges, note = choose_count(rows, start, settings, progress, allocate, neighbors)
        return Hierarchy.of_steps(start, merges, (*notes, note))
    if (
        settings.share is None
        and most_steps is None
        and settings.engine != "dense"
        and is_reducible(settings)
    ):
        tree = reciprocal_tree(Partition.starting_with(rows, start), MergeCost(settings), progress)
        return _cut(start, tree, settings)
    plan = _plan(settings, share_of or clusters, most_steps)
    merges = merge_steps(rows, start, settings, plan, progress, allocate, neighbors)
    return Hierarchy.of_steps(start, merges, notes)


def most_merges(count: int, settings: HierarchySettings) -> int:
    """How many merges growing from so many clusters reports at most; fewer where a distance ends it."""
    whole = max(count - 1, 0)
    if settings.stop == "auto":
        return PASSES * whole
    if settings.stop == "clusters" and settings.share is not None:
        return max(count - settings.clusters, 0)
    if settings.stop == "steps" and settings.share is not None:
        return min(whole, settings.steps * max(1, int(count * settings.share)))
    return whole


def _plan(settings: HierarchySettings, origin: int, most_steps: int | None) -> Plan:
    per_step = 1 if settings.share is None else max(1, int(origin * settings.share))
    steps = settings.steps if settings.stop == "steps" else origin
    steps = steps if most_steps is None else min(steps, most_steps)
    left = settings.clusters if settings.stop == "clusters" else 1
    return lambda done, clusters: min(per_step, clusters - left) if done < steps else 0


def _checked(
    vectors: Float32[np.ndarray, "n d"], settings: HierarchySettings, allocate: Allocate
) -> Float32[np.ndarray, "n d"]:
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
    return np.divide(rows, lengths[:, None], out=allocate(rows.shape, np.float32), casting="same_kind")


def _names(groups: Int64[np.ndarray, " n"] | None, count: int) -> Int64[np.ndarray, " n"]:
    if groups is None:
        return np.arange(count)
    if len(groups) != count:
        raise ClusteringError(f"{count} rows but {len(groups)} groups to start from")
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return first[inverse]


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
