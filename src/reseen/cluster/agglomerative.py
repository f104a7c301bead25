"""Agglomerative clustering of features, starting from single crops or from tracklets."""

import numpy as np
from jaxtyping import Int64

from reseen.cluster.clustering import Clustering
from reseen.cluster.hierarchy import Hierarchy, HierarchySettings, grow_hierarchy
from reseen.cluster.hierarchy.steps import Progress, no_progress
from reseen.geometry import FeatureRows, as_features


def tracklet_groups(tracklets: Int64[np.ndarray, " n"] | None, count: int) -> Int64[np.ndarray, " n"]:
    """Initial group of each of `count` rows: one per tracklet; rows of unknown tracklet (-1) are singletons.

    Without tracklets (None), every row is a singleton.

    Example:
        tracklet_groups(np.array([1, -1, 1]), 3)  # [1, 2, 1]
    """
    if tracklets is None:
        return np.arange(count)
    unknown = tracklets < 0
    groups = tracklets.copy()
    groups[unknown] = tracklets.max(initial=-1) + 1 + np.arange(int(unknown.sum()))
    return groups


def merge_features(
    features: FeatureRows,
    settings: HierarchySettings,
    tracklets: Int64[np.ndarray, " n"] | None = None,
    progress: Progress = no_progress,
) -> Clustering:
    """Cluster hierarchically, from crops or from tracklets; every crop is in a cluster, which may be of one crop.

    `progress` is called with the number of merges just made, in total at most `most_merges`.

    Raises:
        ClusteringError: see `grow_hierarchy`.

    Example:
        clustering = merge_features(features, HierarchySettings())
    """
    features = as_features(features)
    start = tracklet_groups(tracklets, len(features))
    hierarchy = grow_hierarchy(features.numpy, settings, start, progress=progress)
    notes = hierarchy.notes
    if settings.stop != "auto":
        begun = "" if tracklets is None else f"from {len(np.unique(start)):,} tracklets "
        notes = (*notes, _stop_reason(hierarchy, settings, begun))
    return Clustering(hierarchy.labels, notes=notes, merge_costs=_merge_costs(hierarchy))


def _stop_reason(hierarchy: Hierarchy, settings: HierarchySettings, begun: str) -> str:
    """Why merging stopped, where the settings gave the stopping criterion."""
    count = hierarchy.labels.cluster_count
    clusters = f"{begun}to {count:,} cluster{'' if count == 1 else 's'}"
    steps = int(hierarchy.step.max(initial=0))
    text = {
        "clusters": f"merged {clusters}, as specified",
        "distance": f"merged at a cost of at most {settings.distance:g}, as specified, {clusters}",
        "steps": f"merged in {steps:,} step{'' if steps == 1 else 's'}, as specified, {clusters}",
    }[settings.stop]
    return f"{text}; the highest merge cost is {hierarchy.cost.max():.3f}" if len(hierarchy.cost) else text


def _merge_costs(hierarchy: Hierarchy) -> tuple[tuple[int, float], ...]:
    step, cost = hierarchy.step, hierarchy.cost
    if not len(step):
        return ()
    starts = np.flatnonzero(np.diff(step, prepend=0))
    merges = np.append(starts[1:], len(step))
    return tuple(zip(merges.tolist(), np.maximum.reduceat(cost, starts).tolist(), strict=True))
