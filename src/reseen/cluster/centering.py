"""Camera centering: subtracts the mean feature of each camera before clustering.

A camera's lighting, color and viewpoint affect all its crops, so that crops of two people under one camera are often
nearer than crops of one person under two. The mean feature of a camera estimates this common component. The idea is
that of camera-based batch normalization (Zhuang et al., "Rethinking the distribution gap of person re-identification
with camera-based batch normalization", ECCV 2020), applied once to the features instead of within the network.
"""

import numpy as np
import torch
from jaxtyping import Int64

from reseen.geometry import FeatureRows, as_features, unit
from reseen.records import Features

_PRIOR_CROPS = 16
"""Pseudo-count of crops at the overall mean: cameras with few crops are shrunk towards it."""


def center_cameras(features: FeatureRows, cameras: Int64[np.ndarray, " n"]) -> Features:
    """Features minus the mean feature of their camera; unit vectors are renormalized, raw ones keep their length.

    A camera's mean is shrunk towards the mean of all crops, with a prior weight of 16 crops. A unit vector that equals
    its camera's mean is left unchanged. Crops of unknown camera (-1) are treated as one more camera.

    Raises:
        ValueError: the number of cameras differs from the number of rows.

    Example:
        clustering = cluster_features(center_cameras(features, table.cameras), JaccardSettings(), DbscanSettings())
    """
    features = as_features(features)
    if len(cameras) != len(features):
        raise ValueError(f"{len(features)} feature rows but {len(cameras)} cameras")
    if len(features) == 0:
        return features
    vectors = features.vectors.double()
    overall = vectors.mean(dim=0)
    _, camera = np.unique(cameras, return_inverse=True)
    index = torch.from_numpy(camera)
    counts = torch.bincount(index).double()[:, None]
    sums = torch.zeros(len(counts), vectors.shape[1], dtype=torch.float64).index_add_(0, index, vectors)
    centers = (sums + _PRIOR_CROPS * overall) / (counts + _PRIOR_CROPS)
    centered = vectors - centers[index]
    if features.raw:
        return Features(centered.float(), raw=True)
    at_center = centered.norm(dim=1) < 1e-6
    centered[at_center] = vectors[at_center]
    return Features(unit(centered).float())
