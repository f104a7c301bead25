"""Crops in no cluster and the clusters nearest to them."""

import numpy as np
from jaxtyping import Bool, Float32, Int64

from reseen.gallery.collection import NOISE
from reseen.viewer.viewer import Snapshot

MAX_OUTLIERS = 3000
"""Crops in no cluster that are compared with cluster centers, evenly spaced over all, so that pages stay fast."""


def nearest_clusters(
    snapshot: Snapshot, rows: Int64[np.ndarray, " m"]
) -> tuple[Int64[np.ndarray, " m"], Float32[np.ndarray, " m"]]:
    """For each row, the number of the cluster with the most similar center, and that cosine similarity (-1 to 1).

    The snapshot must have at least one cluster.
    """
    numbers = np.array([cluster.number for cluster in snapshot.clusters.all()], np.int64)
    similarity = snapshot.collection.vectors[rows].astype(np.float32) @ snapshot.clusters.centers.T
    best = similarity.argmax(axis=1)
    return numbers[best], similarity[np.arange(len(rows)), best]


def sample_unassigned(selected: Bool[np.ndarray, " n"]) -> Int64[np.ndarray, " m"]:
    """Rows at which `selected` is true, at most `MAX_OUTLIERS`."""
    rows = np.flatnonzero(selected)
    if len(rows) <= MAX_OUTLIERS:
        return rows
    return rows[np.linspace(0, len(rows) - 1, MAX_OUTLIERS).astype(np.int64)]


def count_unclustered_nearby(snapshot: Snapshot) -> dict[int, int]:
    """Number of (sampled) outliers whose nearest cluster it is, by cluster number; clusters without any are absent."""
    rows = sample_unassigned(snapshot.collection.clusters == NOISE)
    if not len(rows) or not len(snapshot.clusters):
        return {}
    numbers, counts = np.unique(nearest_clusters(snapshot, rows)[0], return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))
