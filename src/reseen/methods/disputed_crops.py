"""Excludes crops from a round whose cluster is disputed by clusters of each camera's crops alone.

Reference: after the idea of Li et al., "Camera-aware label refinement for unsupervised person re-identification", 2024.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Int64

from reseen.cluster import Clustering, cluster_within_cameras, disputed_crops, exclude
from reseen.errors import TrainingError
from reseen.methods.base import MethodContext
from reseen.methods.clustered import ClusteredMethodSettings, cluster_round
from reseen.records import UNKNOWN_CAMERA, Features, PseudoLabels, to_index_tensor


def drop_disputed(
    features: Features,
    clustering: Clustering,
    settings: ClusteredMethodSettings,
    context: MethodContext,
    strictness: int,
) -> Clustering:
    """A clustering whose disputed crops are outliers, with their number in the notes.

    Nothing is changed if cameras are unknown or disabled, or if there is one camera only. If fewer than two clusters
    would remain, nothing is excluded, and the notes say so.

    Args:
        features: the features that were clustered, of all training rows.
        clustering: their clusters.
        settings: the clustering and the pruning, which are those within cameras too.
        context: context of the method.
        strictness: how many steps stricter than the settings to cluster, 0 for none.
    """
    cameras = context.cameras
    if cameras is None or len(np.unique(cameras[cameras != UNKNOWN_CAMERA])) < 2:
        return clustering

    def cluster(rows: Int64[np.ndarray, " m"]) -> PseudoLabels:
        own = Features(features.vectors[to_index_tensor(rows)])
        return cluster_round(own, settings, _of_rows(context, rows), strictness).labels

    disputed = disputed_crops(clustering.labels, cluster_within_cameras(cameras, cluster))
    count, share = int(disputed.sum()), disputed.mean()
    note = f"{count:,} crops ({share:.0%}) are disputed by clusters within their camera and excluded"
    smallest = 1 if settings.clustering.finds_outliers else settings.smallest_cluster
    try:
        kept = exclude(clustering, disputed, smallest)
    except TrainingError:
        note = f"{count:,} crops ({share:.0%}) are disputed by clusters within their camera; without them fewer than "
        return replace(
            clustering, notes=(*clustering.notes, f"{note}two clusters remain, so none is excluded")
        )
    return replace(kept, notes=(*kept.notes, note))


def _of_rows(context: MethodContext, rows: Int64[np.ndarray, " m"]) -> MethodContext:
    """The context of a part of the training rows, for clustering."""
    copies, tracklets = context.copies, context.tracklets
    if copies is not None:
        _, first, group = np.unique(copies[rows], return_index=True, return_inverse=True)
        copies = first[group]
    return replace(context, copies=copies, tracklets=None if tracklets is None else tracklets[rows])
