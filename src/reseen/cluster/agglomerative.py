"""One clustering of one round by merging from single crops on."""

import numpy as np
from jaxtyping import Int64

from reseen.cluster.clustering import Clustering
from reseen.cluster.hierarchy import HierarchySettings, grow_hierarchy
from reseen.cluster.membership import measure_membership
from reseen.errors import TrainingError
from reseen.records import NOISE, Features, PseudoLabels


def tracklet_groups(tracklets: Int64[np.ndarray, " n"] | None, count: int) -> Int64[np.ndarray, " n"]:
    """Where `count` rows start from: those of a tracklet together, one of unknown tracklet (-1) by itself."""
    if tracklets is None:
        return np.arange(count)
    alone = tracklets < 0
    groups = tracklets.copy()
    groups[alone] = tracklets.max(initial=-1) + 1 + np.arange(int(alone.sum()))
    return groups


def merge_features(
    features: Features,
    settings: HierarchySettings,
    smallest: int = 1,
    tracklets: Int64[np.ndarray, " n"] | None = None,
    drop_doubtful: bool = False,
) -> Clustering:
    """Grow clusters bottom-up, from crops or from tracklets; those with fewer than `smallest` images become noise.

    With `drop_doubtful`, so do images that are nearer to the mean direction of another cluster than to their own's,
    before sizes are looked at.

    Raises:
        TrainingError: fewer than two clusters of that size are left.
    """
    start = tracklet_groups(tracklets, len(features))
    hierarchy = grow_hierarchy(features.numpy, settings, start)
    found = hierarchy.labels.labels
    doubtful = np.zeros(len(found), dtype=bool)
    if drop_doubtful:
        membership = measure_membership(features, hierarchy.labels)
        doubtful = membership.other_similarity > membership.similarity
    sizes = np.bincount(found[~doubtful], minlength=hierarchy.labels.cluster_count)
    kept = np.flatnonzero(sizes >= smallest)
    if len(kept) < 2:
        raise TrainingError(
            f"wanted at least two clusters of {smallest} images or more, merging {len(features)} images into "
            f"{hierarchy.labels.cluster_count} clusters left {len(kept)}; merge less or more "
            "(method.hierarchy.share, method.hierarchy.steps), or lower method.smallest_cluster"
        )
    number = np.full(len(sizes), NOISE)
    number[kept] = np.arange(len(kept))
    merges = len(hierarchy.cost)
    dearest = f", the last at cost {hierarchy.cost[-1]:.3f}" if merges else ""
    from_tracklets = "" if tracklets is None else f" from {len(np.unique(start))} tracklets"
    note = f"merged {len(found)} crops{from_tracklets} into {len(sizes)} clusters{dearest}"
    left = f"; {doubtful.mean():.0%} of the crops are nearer to another and sit out" if drop_doubtful else ""
    labels = np.where(doubtful, NOISE, number[found])
    return Clustering(PseudoLabels(labels), notes=(*hierarchy.notes, note + left))
