"""What all crops of a camera have in common, taken out before clustering.

A camera adds its own light, color and viewpoint to everybody it sees, so that crops of two people under one camera
often stand nearer than crops of one person under two. The mean feature of a camera holds what is common to
everybody in front of it. The idea is that of camera-based batch normalization (Zhuang et al., "Rethinking the
distribution gap of person re-identification with camera-based batch normalization", ECCV 2020), applied once to
finished features instead of within the network.
"""

import numpy as np
import torch
from jaxtyping import Int64

from reseen.geometry import unit
from reseen.records import Features

_PRIOR_CROPS = 16
"""Crops' worth of belief that a camera is like all the others: one with few crops is hardly moved."""


def center_cameras(features: Features, cameras: Int64[np.ndarray, " n"]) -> Features:
    """Unit rows of `features` less the mean feature of their camera.

    The mean of a camera with m crops is drawn towards the mean of all crops, as if 16 crops of that mean had been
    seen too. A row that stands exactly on its camera's mean keeps its place. Crops of unknown camera (-1) are
    taken for one camera more.

    Raises:
        ValueError: there is not one camera per row, or the features are raw.
    """
    if features.raw:
        raise ValueError("cameras are centered on the sphere alone, got raw features")
    if len(cameras) != len(features):
        raise ValueError(f"{len(features)} feature rows but {len(cameras)} cameras")
    if len(features) == 0:
        return features
    vectors = features.vectors.double()
    overall = vectors.mean(dim=0)
    _, camera = np.unique(cameras, return_inverse=True)
    which = torch.from_numpy(camera)
    counts = torch.bincount(which).double()[:, None]
    sums = torch.zeros(len(counts), vectors.shape[1], dtype=torch.float64).index_add_(0, which, vectors)
    centers = (sums + _PRIOR_CROPS * overall) / (counts + _PRIOR_CROPS)
    moved = vectors - centers[which]
    lost = moved.norm(dim=1) < 1e-6
    moved[lost] = vectors[lost]
    return Features(unit(moved).float())
