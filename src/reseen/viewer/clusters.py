"""Clusters of a collection and their statistics: members, center, within-cluster sum of squares, cameras."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from reseen.gallery.collection import UNKNOWN, Collection


@dataclass(frozen=True, eq=False)
class Cluster:
    """A cluster with its members and statistics."""

    number: int
    rows: Int64[np.ndarray, " m"]
    """Rows of its crops in the collection, most central first."""
    similarities: Float32[np.ndarray, " m"]
    """Cosine similarity of each crop to the center, -1 to 1."""
    center: Float32[np.ndarray, " d"]
    """Normalized mean of the vectors."""
    squared_error: float
    """Sum of squared Euclidean distances to the mean: $n - |s|^2 / n$, where s is the sum of the unit vectors."""
    cameras: tuple[tuple[int, int], ...]
    """(Camera index, number of crops), sorted by index, unknown camera last."""

    @property
    def size(self) -> int:
        """Number of crops."""
        return len(self.rows)

    @property
    def mixing(self) -> float:
        """Fraction of crops not from the most frequent camera, 0 (one camera) up to, but not including, 1."""
        return 1 - max(count for _, count in self.cameras) / self.size


class Clusters:
    """All clusters of a collection, by number; outliers are in none."""

    def __init__(self, collection: Collection, cached: Iterable[Cluster] = ()) -> None:
        """Compute the clusters, except those in `cached`, which must be of the same rows and vectors."""
        inside = np.flatnonzero(collection.clusters >= 0)
        inside = inside[np.argsort(collection.clusters[inside], kind="stable")]
        numbers, starts = np.unique(collection.clusters[inside], return_index=True)
        by_number = {cluster.number: cluster for cluster in cached}
        self._by_number = {
            int(number): by_number.get(int(number)) or _compute_cluster(collection, int(number), rows)
            for number, rows in zip(numbers.tolist(), np.split(inside, starts[1:]), strict=len(inside) > 0)
        }
        self._centers: Float32[np.ndarray, "c d"] | None = None

    def __len__(self) -> int:
        return len(self._by_number)

    def __contains__(self, number: int) -> bool:
        return number in self._by_number

    def __getitem__(self, number: int) -> Cluster:
        return self._by_number[number]

    def all(self) -> list[Cluster]:
        """All clusters, sorted by number."""
        return list(self._by_number.values())

    @property
    def free_number(self) -> int:
        """The smallest number greater than that of every cluster."""
        return max(self._by_number, default=-1) + 1

    def nearest(
        self, center: Float32[np.ndarray, " d"], count: int, exclude: int | None = None
    ) -> list[tuple[Cluster, float]]:
        """Up to `count` clusters with the most similar centers and their cosine similarities, most similar first.

        `exclude` is the number of a cluster to leave out.
        """
        clusters = self.all()
        if not clusters:
            return []
        similarity = self.centers @ center
        order = np.argsort(-similarity, kind="stable")
        nearest = [(clusters[index], float(similarity[index])) for index in order[: count + 1].tolist()]
        return [pair for pair in nearest if pair[0].number != exclude][:count]

    @property
    def centers(self) -> Float32[np.ndarray, "c d"]:
        """Centers of `all()`, one row per cluster."""
        if self._centers is None:
            self._centers = np.stack([cluster.center for cluster in self.all()])
        return self._centers


def _compute_cluster(collection: Collection, number: int, rows: Int64[np.ndarray, " m"]) -> Cluster:
    vectors = collection.vectors[rows].astype(np.float32)
    total = vectors.sum(0, dtype=np.float64)
    length = float(np.linalg.norm(total))
    center = (total / max(length, 1e-12)).astype(np.float32)
    similarity = vectors @ center
    order = np.argsort(-similarity, kind="stable")
    cameras, counts = np.unique(collection.cameras[rows], return_counts=True)
    counts_by_camera = sorted(
        zip(cameras.tolist(), counts.tolist(), strict=True), key=lambda pair: (pair[0] == UNKNOWN, pair[0])
    )
    squared_error = max(0.0, len(rows) - length**2 / len(rows))
    return Cluster(number, rows[order], similarity[order], center, squared_error, tuple(counts_by_camera))
