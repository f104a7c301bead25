"""Crops whose cluster is disputed by clusters that are formed within each camera alone.

Crops of one camera differ less by light, color and viewpoint, so that those who look alike under it are more likely one
person than those who look alike under two. A crop that the clusters of all crops part from most of those is in doubt.

Reference: after the idea of Li et al., "Camera-aware label refinement for unsupervised person re-identification", 2024,
that clusters within cameras refine those of all crops; the rule is ours.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Int64

from reseen.errors import ClusteringError, TrainingError
from reseen.records import NOISE, UNKNOWN_CAMERA, PseudoLabels


def cluster_within_cameras(
    cameras: Int64[np.ndarray, " n"], cluster: Callable[[Int64[np.ndarray, " m"]], PseudoLabels]
) -> PseudoLabels:
    """Clusters of each camera's crops alone, numbered over all cameras.

    Crops of unknown camera (-1) are in no cluster, nor are those of a camera whose crops cannot be clustered.

    Args:
        cameras: the camera of each crop.
        cluster: clusters the crops of these rows; a TrainingError or ClusteringError says that they cannot be.

    Example:
        >>> cluster_within_cameras(cameras, lambda rows: cluster_features(features.vectors[rows]).labels)
    """
    found, count = np.full(len(cameras), NOISE), 0
    for camera in np.unique(cameras[cameras != UNKNOWN_CAMERA]):
        rows = np.flatnonzero(cameras == camera)
        try:
            labels = cluster(rows)
        except (TrainingError, ClusteringError):
            continue
        found[rows] = np.where(labels.labels == NOISE, NOISE, labels.labels + count)
        count += labels.cluster_count
    return PseudoLabels(found)


def disputed_crops(labels: PseudoLabels, within: PseudoLabels) -> Bool[np.ndarray, " n"]:
    """Whether the cluster of each crop is disputed: the cluster within its camera lies mostly elsewhere.

    That is so where more than half of the latter's crops that are in a cluster of `labels` are in one other than the
    crop's own, and where more than half of all its crops are in none. A cluster within a camera that is spread over
    several clusters of `labels` without a majority disputes nothing. Crops that are in no cluster of one of the two are
    not disputed.

    Raises:
        ValueError: the two have different lengths.

    Example:
        >>> labels, within = PseudoLabels(np.array([0, 0, 1, 1])), PseudoLabels(np.array([0, 0, 0, 1]))
        >>> disputed_crops(labels, within)
        array([False, False,  True, False])
    """
    if len(labels) != len(within):
        raise ValueError(f"{len(labels)} pseudo labels but {len(within)} of clusters within cameras")
    both = np.flatnonzero((within.labels != NOISE) & (labels.labels != NOISE))
    own, group = labels.labels[both], within.labels[both]
    clustered = np.bincount(group, minlength=within.cluster_count)
    pairs, together = np.unique(group * max(labels.cluster_count, 1) + own, return_counts=True)
    of_group, cluster = np.divmod(pairs, max(labels.cluster_count, 1))
    has_most = 2 * together > clustered[of_group]
    home = np.full(within.cluster_count, NOISE)
    home[of_group[has_most]] = cluster[has_most]
    mostly_outliers = 2 * clustered < within.sizes
    result = np.zeros(len(labels), dtype=bool)
    result[both] = mostly_outliers[group] | ((home[group] != NOISE) & (home[group] != own))
    return result
