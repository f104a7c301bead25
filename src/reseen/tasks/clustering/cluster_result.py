"""A clustering of crops before it is written down, and the words for what is in it.

Numbers of clusters for people: the largest first, small ones dissolved.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from reseen.cluster import Membership
from reseen.cluster.hierarchy import Hierarchy, HierarchySettings
from reseen.data.crops import Crops
from reseen.pages.axes import short
from reseen.records import NOISE, UNKNOWN_CAMERA, Features, PseudoLabels


@dataclass(frozen=True)
class ClusterInput:
    """What is clustered, and what it was made from."""

    crops: Crops
    features: Features
    source: str
    """The encoder or the file of vectors, in words."""


@dataclass(frozen=True)
class ClusterResult:
    """Clusters numbered from 0, the largest first."""

    material: ClusterInput
    settings: HierarchySettings
    hierarchy: Hierarchy
    labels: PseudoLabels
    membership: Membership
    chosen: str
    """How the number of clusters came about."""

    def members(self, number: int) -> list[int]:
        """Rows of a cluster, the most central first; of `NOISE`, those nearest to a cluster first."""
        rows = np.flatnonzero(self.labels.labels == number)
        found = self.membership
        nearness = found.similarity[rows] if number >= 0 else found.other_similarity[rows]
        return rows[np.argsort(-nearness, kind="stable")].tolist()

    def camera(self, row: int) -> str:
        """The name of a crop's camera, empty where unknown."""
        camera = int(self.material.crops.table.cameras[row])
        return "" if camera == UNKNOWN_CAMERA else self.material.crops.table.camera_names[camera]

    def words(self, row: int) -> str:
        """Path, camera and similarities of a crop."""
        found, camera = self.membership, self.camera(row)
        parts = [self.material.crops.table.texts[row], *([f"camera {camera}"] if camera else [])]
        if not np.isnan(found.similarity[row]):
            parts.append(f"similarity {found.similarity[row]:.2f}")
        if not np.isnan(found.other_similarity[row]):
            parts.append(f"{found.other_similarity[row]:.2f} to cluster {found.other[row]}")
        return ", ".join(parts)

    def summary(self, number: int) -> str:
        """Crops, cameras and sum of squares of a cluster."""
        rows = np.flatnonzero(self.labels.labels == number)
        cameras = {self.camera(int(row)) for row in rows} - {""}
        error = float(self.membership.square_errors[number])
        parts = [counted(len(rows), "crop"), *([counted(len(cameras), "camera")] if cameras else [])]
        return " · ".join([*parts, f"SSE {short(error)}, {short(error / len(rows))} per crop"])


def counted(number: int, noun: str) -> str:
    """`1 crop`, `12,936 crops`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def number_by_size(found: Int64[np.ndarray, " n"], smallest: int) -> tuple[PseudoLabels, int]:
    """Clusters numbered by size, of equals the one with the smallest number first, and how many were dissolved.

    Clusters of fewer than `smallest` rows are dissolved: -1, as noise is.
    """
    sizes = np.bincount(found[found != NOISE])
    order = np.argsort(-sizes, kind="stable")
    number = np.full(len(sizes) + 1, NOISE)  # the last place is that of noise
    kept = order[sizes[order] >= smallest]
    number[kept] = np.arange(len(kept))
    return PseudoLabels(number[found]), len(sizes) - len(kept)
