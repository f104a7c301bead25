"""Video: frames become one vector per tracklet."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int64

from reseen.errors import DataError
from reseen.records import Features

POOLING = "mean over frames, then normalized once"
"""What a score says of pooled tracklets."""


@dataclass(frozen=True)
class Tracklets:
    """One row per tracklet, in order of their numbers; frames of no tracklet stand alone, at the end."""

    features: Features
    identities: Int64[np.ndarray, " t"]
    cameras: Int64[np.ndarray, " t"]
    frames: Int64[np.ndarray, " t"]
    """Frames in each."""
    first: Int64[np.ndarray, " t"]
    """The row of each tracklet's first frame, to look at."""


def pool_tracklets(
    vectors: Float32[np.ndarray, "n d"],
    identities: Int64[np.ndarray, " n"],
    cameras: Int64[np.ndarray, " n"],
    tracklets: Int64[np.ndarray, " n"],
    side: str = "video",
) -> Tracklets:
    """The mean of each tracklet's frames, brought to length 1 once, after pooling.

    `vectors` are best given as the encoder makes them, before any normalization: a frame then counts by its length.
    Tracklet -1 means none: such a frame is a tracklet by itself. `side` is named in messages.

    Reference: the evaluation of MARS, Zheng et al. 2016, section 5; pooling before a single normalization, as it.

    Raises:
        DataError: the arrays differ in length, a tracklet has two people or cameras, or its frames cancel out.
    """
    lengths = {len(vectors), len(identities), len(cameras), len(tracklets)}
    if len(lengths) > 1:
        raise DataError(
            f"{side}: one identity, camera and tracklet per frame wanted, found {len(identities)}, "
            f"{len(cameras)} and {len(tracklets)} for {len(vectors)} frames"
        )
    numbers = np.asarray(tracklets, dtype=np.int64).copy()
    alone = np.flatnonzero(numbers < 0)
    numbers[alone] = (numbers.max() if len(numbers) else -1) + 1 + np.arange(len(alone))
    names, first, place, frames = np.unique(
        numbers, return_index=True, return_inverse=True, return_counts=True
    )
    for what, values in (("people", identities), ("cameras", cameras)):
        mixed = np.flatnonzero(values != values[first][place])
        if len(mixed):
            row = int(mixed[0])
            raise DataError(
                f"{side}: tracklet {names[place[row]]} has two {what}, {values[first][place][row]} and {values[row]}; "
                f"a tracklet is one person under one camera"
            )
    sums = torch.zeros((len(names), vectors.shape[1]), dtype=torch.float64)
    sums.index_add_(0, torch.from_numpy(place), torch.from_numpy(np.asarray(vectors, dtype=np.float64)))
    means = sums / torch.from_numpy(frames)[:, None]
    sizes = means.norm(dim=1, keepdim=True)
    if bool((sizes < 1e-12).any()):
        lost = int((sizes[:, 0] < 1e-12).nonzero()[0])
        raise DataError(
            f"{side}: the frames of tracklet {names[lost]} cancel out, so that it has no direction"
        )
    return Tracklets(Features((means / sizes).float()), identities[first], cameras[first], frames, first)
