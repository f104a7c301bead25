"""The clusters of a collection in numbers: members, center, spread, cameras."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from reseen.viewer.collection import UNKNOWN, Collection


@dataclass(frozen=True, eq=False)
class Cluster:
    """One cluster."""

    number: int
    rows: Int64[np.ndarray, " m"]
    """Its crops, the most central first."""
    similarities: Float32[np.ndarray, " m"]
    """Of each with the center, -1 to 1."""
    center: Float32[np.ndarray, " d"]
    """Mean direction, of length 1."""
    squared_error: float
    """Squared Euclidean distances from the mean, summed: $n - |s|^2 / n$, where s is the sum of the unit vectors."""
    cameras: tuple[tuple[int, int], ...]
    """Camera index and number of crops, by index; the unknown camera last."""

    @property
    def size(self) -> int:
        """Crops."""
        return len(self.rows)

    @property
    def mixing(self) -> float:
        """Share of its crops that the camera that saw most of them did not see: 0 for a single camera."""
        return 1 - max(count for _, count in self.cameras) / self.size


class Clusters:
    """All clusters of a collection by number; crops in none are not among them."""

    def __init__(self, collection: Collection, known: Iterable[Cluster] = ()) -> None:
        """Gather them; `known` are clusters of this very collection that need not be computed again."""
        inside = np.flatnonzero(collection.clusters >= 0)
        inside = inside[np.argsort(collection.clusters[inside], kind="stable")]
        numbers, starts = np.unique(collection.clusters[inside], return_index=True)
        at_hand = {cluster.number: cluster for cluster in known}
        self._by_number = {
            int(number): at_hand.get(int(number)) or _cluster(collection, int(number), rows)
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
        """By number."""
        return list(self._by_number.values())

    @property
    def free_number(self) -> int:
        """A number that no cluster has."""
        return max(self._by_number, default=-1) + 1

    def nearest(
        self, center: Float32[np.ndarray, " d"], most: int, but: int | None = None
    ) -> list[tuple[Cluster, float]]:
        """The clusters with the most similar centers and these similarities, the most similar first."""
        everything = self.all()
        if not everything:
            return []
        similarity = self.centers @ center
        order = np.argsort(-similarity, kind="stable")
        found = [(everything[place], float(similarity[place])) for place in order[: most + 1].tolist()]
        return [pair for pair in found if pair[0].number != but][:most]

    @property
    def centers(self) -> Float32[np.ndarray, "c d"]:
        """Centers of `all`, row by row."""
        if self._centers is None:
            self._centers = np.stack([cluster.center for cluster in self.all()])
        return self._centers


def _cluster(collection: Collection, number: int, rows: Int64[np.ndarray, " m"]) -> Cluster:
    vectors = collection.vectors[rows].astype(np.float32)
    total = vectors.sum(0, dtype=np.float64)
    length = float(np.linalg.norm(total))
    center = (total / max(length, 1e-12)).astype(np.float32)
    similarity = vectors @ center
    order = np.argsort(-similarity, kind="stable")
    cameras, counts = np.unique(collection.cameras[rows], return_counts=True)
    mix = sorted(
        zip(cameras.tolist(), counts.tolist(), strict=True), key=lambda pair: (pair[0] == UNKNOWN, pair[0])
    )
    error = max(0.0, len(rows) - length**2 / len(rows))
    return Cluster(number, rows[order], similarity[order], center, error, tuple(mix))
