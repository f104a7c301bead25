"""Tracklet pooling: one feature vector per tracklet from the features of its frames."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int64

from reseen.errors import DataError
from reseen.records import Features

POOLING = "mean over frames, then normalized once"
"""How a score describes the pooling."""


@dataclass(frozen=True)
class Tracklets:
    """One row per tracklet, ordered by number; frames without a tracklet follow, each as its own tracklet."""

    features: Features
    identities: Int64[np.ndarray, " t"]
    cameras: Int64[np.ndarray, " t"]
    frames: Int64[np.ndarray, " t"]
    """Number of frames in each tracklet."""
    first: Int64[np.ndarray, " t"]
    """Row of the first frame of each tracklet, for display."""


def pool_tracklets(
    vectors: Float32[np.ndarray, "n d"],
    identities: Int64[np.ndarray, " n"],
    cameras: Int64[np.ndarray, " n"],
    tracklets: Int64[np.ndarray, " n"],
    side: str = "video",
) -> Tracklets:
    """The mean of the frame features of each tracklet, normalized once, after pooling.

    `vectors` should be the encoder's output before normalization, so that frames are weighted by their norm. A frame
    with tracklet -1 becomes its own tracklet. `side` is the name in messages.

    Reference: Zheng et al. 2016 (MARS), section 5, whose evaluation also normalizes once, after pooling.

    Raises:
        DataError: the arrays differ in length, a tracklet has two people or cameras, or the mean of its frames is zero.
    """
    lengths = {len(vectors), len(identities), len(cameras), len(tracklets)}
    if len(lengths) > 1:
        raise DataError(
            f"{side}: expected one identity, camera and tracklet per frame, found {len(identities)}, "
            f"{len(cameras)} and {len(tracklets)} for {len(vectors)} frames"
        )
    numbers = np.asarray(tracklets, dtype=np.int64).copy()
    single = np.flatnonzero(numbers < 0)
    numbers[single] = (numbers.max() if len(numbers) else -1) + 1 + np.arange(len(single))
    names, first, inverse, frames = np.unique(
        numbers, return_index=True, return_inverse=True, return_counts=True
    )
    for kind, values in (("people", identities), ("cameras", cameras)):
        mixed = np.flatnonzero(values != values[first][inverse])
        if len(mixed):
            row = int(mixed[0])
            raise DataError(
                f"{side}: tracklet {names[inverse[row]]} has two {kind}, {values[first][inverse][row]} and "
                f"{values[row]}; a tracklet is one person under one camera"
            )
    sums = torch.zeros((len(names), vectors.shape[1]), dtype=torch.float64)
    sums.index_add_(0, torch.from_numpy(inverse), torch.from_numpy(np.asarray(vectors, dtype=np.float64)))
    means = sums / torch.from_numpy(frames)[:, None]
    norms = means.norm(dim=1, keepdim=True)
    if bool((norms < 1e-12).any()):
        zero = int((norms[:, 0] < 1e-12).nonzero()[0])
        raise DataError(
            f"{side}: the frames of tracklet {names[zero]} average to zero, so it has no direction"
        )
    return Tracklets(Features((means / norms).float()), identities[first], cameras[first], frames, first)
