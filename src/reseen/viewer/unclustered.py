"""Crops in no cluster, and the clusters they lie near."""

import numpy as np
from jaxtyping import Float32, Int64

from reseen.viewer.collection import NOISE
from reseen.viewer.viewer import Snapshot

MOST = 3000
"""So many crops are compared at most, evenly over all, so that a page answers soon."""


def nearest_of(
    now: Snapshot, rows: Int64[np.ndarray, " m"]
) -> tuple[Int64[np.ndarray, " m"], Float32[np.ndarray, " m"]]:
    """The number of the cluster whose center is most similar to each of some crops, and that similarity.

    There must be a cluster.
    """
    numbers = np.array([cluster.number for cluster in now.clusters.all()], np.int64)
    similarity = now.collection.vectors[rows].astype(np.float32) @ now.clusters.centers.T
    best = similarity.argmax(axis=1)
    return numbers[best], similarity[np.arange(len(rows)), best]


def some_unclustered(now: Snapshot) -> Int64[np.ndarray, " m"]:
    """Rows of crops in no cluster, at most `MOST`."""
    rows = np.flatnonzero(now.collection.clusters == NOISE)
    if len(rows) <= MOST:
        return rows
    return rows[np.linspace(0, len(rows) - 1, MOST).astype(np.int64)]


def unclustered_nearby(now: Snapshot) -> dict[int, int]:
    """For each cluster, how many of the crops in no cluster are nearer to it than to any other."""
    rows = some_unclustered(now)
    if not len(rows) or not len(now.clusters):
        return {}
    numbers, counts = np.unique(nearest_of(now, rows)[0], return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))
