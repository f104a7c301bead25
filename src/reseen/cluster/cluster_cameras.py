"""What the cameras of a cluster's crops say of it: how evenly they are spread, and which they are."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from reseen.records import UNKNOWN_CAMERA, PseudoLabels


def entropy_weights(labels: PseudoLabels, cameras: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " c"]:
    r"""A weight for each cluster, $\log(1 + H)$ with the entropy H of its crops' cameras in nats, at a mean of 1.

    A cluster of one camera weighs 0, one whose crops are spread evenly over many cameras the most: a cluster that joins
    cameras is more likely a person than a place. The mean is taken over clusters, since a batch draws each equally
    often, so that the size of the loss stays the same. Crops of unknown camera (-1) are not counted; a cluster with no
    other weighs 1. Where no cluster has crops of two cameras all weigh 1.

    Reference: after Li et al., "Camera-aware label refinement for unsupervised person re-identification", 2024.

    Example:
        >>> entropy_weights(PseudoLabels(np.array([0, 0, 1, 1])), np.array([0, 1, 0, 0]))
        array([2., 0.])
    """
    counts = _camera_counts(labels, cameras)
    totals = counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.where(shares > 0, -shares * np.log(shares), 0.0)
    weights = np.log1p(information.sum(axis=1))
    known = totals > 0
    if not bool(weights[known].any()):
        return np.ones(labels.cluster_count)
    weights[known] /= weights[known].mean()
    weights[~known] = 1.0
    return weights


@dataclass(frozen=True)
class CameraSets:
    """Which cameras see each cluster."""

    seen: Bool[np.ndarray, "c m"]
    """Whether cluster c may have a crop of camera m: always, where some of its crops are of unknown camera."""
    only: Int64[np.ndarray, " c"]
    """The camera of all crops of a cluster; -1 where there are several, or unknown ones."""


def camera_sets(labels: PseudoLabels, cameras: Int64[np.ndarray, " n"]) -> CameraSets:
    """The cameras of each cluster's crops.

    Example:
        >>> camera_sets(PseudoLabels(np.array([0, 0, 1, 1])), np.array([0, 1, 1, 1])).only
        array([-1,  1])
    """
    counts = _camera_counts(labels, cameras)
    whole = counts.sum(axis=1) == labels.sizes
    single = whole & ((counts > 0).sum(axis=1) == 1)
    only = np.where(single, counts.argmax(axis=1), UNKNOWN_CAMERA)
    return CameraSets((counts > 0) | ~whole[:, None], only)


def _camera_counts(labels: PseudoLabels, cameras: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, "c m"]:
    """Crops of known camera, by cluster and camera."""
    if len(labels) != len(cameras):
        raise ValueError(f"{len(labels)} pseudo labels but {len(cameras)} cameras")
    counts = np.zeros((labels.cluster_count, int(cameras.max(initial=0)) + 1), dtype=np.int64)
    counted = (labels.labels >= 0) & (cameras != UNKNOWN_CAMERA)
    np.add.at(counts, (labels.labels[counted], cameras[counted]), 1)
    return counts
