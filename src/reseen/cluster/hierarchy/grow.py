"""Agglomerative clustering of rows: each step merges the cheapest pairs of clusters, with costs fixed within a step.

Reference: the schedules of Lin et al., AAAI 2019 (BUC) and Zeng et al., CVPR 2020 (HCT), which merge a fraction of the
number of rows per step.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

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
    """Cluster rows hierarchically.

    The result does not depend on the order of the rows, except that pairs of equal cost merge in row order, and for an
    approximate search, of which a note informs. It is deterministic: the same rows give the same clusters.

    Args:
        vectors: the rows, normalized unless `settings.feature` is `raw`.
        settings: linkage, regularizer, schedule and engine.
        groups: initial cluster of each row; by default every row is a cluster.
        share_of: number of clusters that `settings.share` refers to; by default the initial number. With `most_steps`
            it allows growing a hierarchy over several calls.
        most_steps: maximum number of steps, in addition to the stopping criterion.
        progress: called with the number of merges just made, in total at most `most_merges`.
        allocate: allocator of the large matrices, if costs are inner products.
        neighbors: nearest neighbors of the rows, which replace the first search if costs are inner products.

    Raises:
        ClusteringError: a row is not finite or, unless raw, zero; a cost is not finite; all pairs are needed and do not
            fit into memory.

    Example:
        hierarchy = grow_hierarchy(features.numpy, HierarchySettings(stop="clusters", clusters=100))
        labels = hierarchy.labels
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
    """Maximum number of merges that `grow_hierarchy` reports when starting with `count` clusters."""
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
    target = settings.clusters if settings.stop == "clusters" else 1
    return lambda done, clusters: min(per_step, clusters - target) if done < steps else 0


def _checked(
    vectors: Float32[np.ndarray, "n d"], settings: HierarchySettings, allocate: Allocate
) -> Float32[np.ndarray, "n d"]:
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    invalid = np.flatnonzero(~np.isfinite(lengths))
    if len(invalid):
        raise ClusteringError(
            f"{len(invalid)} rows contain NaN or infinite values, the first is row {invalid[0]}; remove them"
        )
    if settings.feature == "raw":
        return rows
    zero = np.flatnonzero(lengths == 0)
    if len(zero):
        raise ClusteringError(
            f"{len(zero)} rows are zero vectors, which cannot be normalized, the first is row {zero[0]}; "
            "remove them, or use feature raw"
        )
    return np.divide(rows, lengths[:, None], out=allocate(rows.shape, np.float32), casting="same_kind")


def _names(groups: Int64[np.ndarray, " n"] | None, count: int) -> Int64[np.ndarray, " n"]:
    if groups is None:
        return np.arange(count)
    if len(groups) != count:
        raise ClusteringError(f"{count} rows, but {len(groups)} initial groups")
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return first[inverse]


def _cut(start: Int64[np.ndarray, " n"], tree: Pairs, settings: HierarchySettings) -> Hierarchy:
    """The merges of a complete tree up to the stopping criterion, one pair per step."""
    first, second, cost = tree
    kept = len(first)
    if settings.stop == "steps":
        kept = min(kept, settings.steps)
    elif settings.stop == "clusters":
        kept = max(0, kept + 1 - settings.clusters)
    else:
        kept = int(np.searchsorted(np.round(cost, DECIMALS), settings.distance, side="right"))
    return Hierarchy(start, first[:kept], second[:kept], cost[:kept], np.arange(1, kept + 1))


_SHARE = 0.07
_ROUNDING = 1e-7
_BY_DISTANCE = "drawn with squared Euclidean distances: within one cluster, crops share other neighbors"


@dataclass(frozen=True)
class WholeTree:
    """A dendrogram over k leaves; a leaf is one row, or several that are drawn as one."""

    matrix: Float64[np.ndarray, "k_minus_1 4"]
    """SciPy's linkage matrix; heights are merge costs and never decrease."""
    leaves: Int64[np.ndarray, " n"]
    """The leaf of every row, 0 to k - 1."""
    settings: HierarchySettings
    """Settings of the merge costs that are the heights."""
    note: str
    """How the tree differs from the clustering that it explains; empty if it does not."""


def whole_tree(
    vectors: Float32[np.ndarray, "n d"], settings: HierarchySettings, most_leaves: int
) -> WholeTree:
    """The dendrogram of the rows of one cluster, merged one pair at a time with the costs of `settings`.

    More than `most_leaves` rows are first merged in steps into that number of leaves. If heights would decrease, as a
    regularizer can cause, the tree is built without it; if they still would, as with centroid linkage, by average
    linkage. Shared neighbors within one cluster differ from those among all rows, so metric `jaccard` is replaced by
    squared Euclidean distances.

    Raises:
        ClusteringError: a row is not finite or, on the sphere, zero; a cost is not finite.
    """
    shared = settings.metric == "jaccard"
    plain = settings.model_copy(update={"metric": "sqeuclidean"}) if shared else settings
    leaves = _branches(vectors, plain, most_leaves)
    trees = (
        WholeTree(
            grow_hierarchy(vectors, changed, leaves).linkage_matrix(),
            leaves,
            changed,
            "; ".join(filter(None, (_BY_DISTANCE if shared else "", note))),
        )
        for changed, note in _attempts(plain)
    )
    tree = next(tree for tree in trees if bool((np.diff(tree.matrix[:, 2]) >= -_ROUNDING).all()))
    heights = tree.matrix[:, 2]
    np.maximum.accumulate(heights, out=heights)  # rounding errors can decrease a height slightly
    return tree


def _branches(
    vectors: Float32[np.ndarray, "n d"], settings: HierarchySettings, most: int
) -> Int64[np.ndarray, " n"]:
    if len(vectors) <= most:
        return np.arange(len(vectors))
    update = {"stop": "clusters", "clusters": most, "share": settings.share or _SHARE}
    return grow_hierarchy(vectors, settings.model_copy(update=update)).labels.labels


def _attempts(settings: HierarchySettings) -> Iterator[tuple[HierarchySettings, str]]:
    one_by_one = settings.model_copy(update={"share": None, "stop": "clusters", "clusters": 1})
    yield one_by_one, ""
    if settings.linkage != "none" and settings.regularizer != "none":
        yield (
            one_by_one.model_copy(update={"regularizer": "none"}),
            f"drawn without the regularizer {settings.regularizer}, since with it later merges can cost less than "
            "earlier ones",
        )
    update = {"regularizer": "none", "linkage": "average", "engine": "auto"}
    yield (
        one_by_one.model_copy(update=update),
        f"drawn with average linkage only, since with {settings.linkage} linkage later merges can cost less than "
        "earlier ones",
    )
