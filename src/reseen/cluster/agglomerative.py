"""Agglomerative clustering of one training round, starting from single crops or from tracklets."""

import numpy as np
from jaxtyping import Int64

from reseen.cluster.clustering import Clustering
from reseen.cluster.hierarchy import HierarchySettings, grow_hierarchy
from reseen.cluster.membership import measure_membership
from reseen.errors import TrainingError
from reseen.geometry import FeatureRows, as_features
from reseen.records import NOISE, PseudoLabels


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
    smallest: int = 1,
    tracklets: Int64[np.ndarray, " n"] | None = None,
    drop_doubtful: bool = False,
) -> Clustering:
    """Cluster hierarchically, from crops or from tracklets; clusters of fewer than `smallest` images become noise.

    With `drop_doubtful`, ambiguous images become noise first: those nearer to the mean direction of another cluster
    than to that of their own.

    Raises:
        TrainingError: fewer than two clusters of that size remain.

    Example:
        clustering = merge_features(features, HierarchySettings(), smallest=4)
    """
    features = as_features(features)
    start = tracklet_groups(tracklets, len(features))
    hierarchy = grow_hierarchy(features.numpy, settings, start)
    clusters = hierarchy.labels.labels
    ambiguous = np.zeros(len(clusters), dtype=bool)
    if drop_doubtful:
        membership = measure_membership(features, hierarchy.labels)
        ambiguous = membership.other_similarity > membership.similarity
    sizes = np.bincount(clusters[~ambiguous], minlength=hierarchy.labels.cluster_count)
    kept = np.flatnonzero(sizes >= smallest)
    if len(kept) < 2:
        raise TrainingError(
            f"expected at least two clusters of {smallest} images or more, got {len(kept)} after merging "
            f"{len(features)} images into {hierarchy.labels.cluster_count} clusters; merge less or more "
            "(method.hierarchy.share, method.hierarchy.steps), or lower method.smallest_cluster"
        )
    number = np.full(len(sizes), NOISE)
    number[kept] = np.arange(len(kept))
    merges = len(hierarchy.cost)
    last_cost = f", the last at cost {hierarchy.cost[-1]:.3f}" if merges else ""
    from_tracklets = "" if tracklets is None else f" from {len(np.unique(start))} tracklets"
    note = f"merged {len(clusters)} crops{from_tracklets} into {len(sizes)} clusters{last_cost}"
    if drop_doubtful:
        note += (
            f"; {ambiguous.mean():.0%} of the crops are nearer to another cluster and excluded as ambiguous"
        )
    labels = np.where(ambiguous, NOISE, number[clusters])
    return Clustering(PseudoLabels(labels), notes=(*hierarchy.notes, note))
