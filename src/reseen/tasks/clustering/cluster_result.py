"""The result of clustering crops, with clusters numbered by size, and descriptions of clusters and crops."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from reseen.cluster import Membership
from reseen.cluster.clusterings import AbstractClustering
from reseen.data.crops import Crops
from reseen.pages.axes import short
from reseen.records import NOISE, UNKNOWN_CAMERA, Features, PseudoLabels


@dataclass(frozen=True)
class ClusterInput:
    """Crops and their features, to be clustered."""

    crops: Crops
    features: Features
    source: str
    """Description of the encoder or file that the features come from."""


@dataclass(frozen=True)
class ClusterResult:
    """A clustering of crops, with clusters numbered from 0, largest first."""

    inputs: ClusterInput
    settings: AbstractClustering
    labels: PseudoLabels
    membership: Membership
    chosen: str
    """How the number of clusters was determined."""
    merge_costs: tuple[tuple[int, float], ...] = ()
    """As in `Clustering`."""

    def members(self, number: int) -> list[int]:
        """Rows of a cluster, the most central first; for `NOISE`, those most similar to a cluster first."""
        rows = np.flatnonzero(self.labels.labels == number)
        membership = self.membership
        similarity = membership.similarity[rows] if number >= 0 else membership.other_similarity[rows]
        return rows[np.argsort(-similarity, kind="stable")].tolist()

    def camera(self, row: int) -> str:
        """The name of a crop's camera, empty if unknown."""
        camera = int(self.inputs.crops.table.cameras[row])
        return "" if camera == UNKNOWN_CAMERA else self.inputs.crops.table.camera_names[camera]

    def describe(self, row: int) -> str:
        """A description of a crop: path, camera and similarities."""
        membership, camera = self.membership, self.camera(row)
        parts = [self.inputs.crops.table.texts[row], *([f"camera {camera}"] if camera else [])]
        if not np.isnan(membership.similarity[row]):
            parts.append(f"similarity {membership.similarity[row]:.2f}")
        if not np.isnan(membership.other_similarity[row]):
            parts.append(f"{membership.other_similarity[row]:.2f} to cluster {membership.other[row]}")
        return ", ".join(parts)

    def summary(self, number: int) -> str:
        """A description of a cluster: crops, cameras and sum of squared errors."""
        rows = np.flatnonzero(self.labels.labels == number)
        cameras = {self.camera(int(row)) for row in rows} - {""}
        error = float(self.membership.square_errors[number])
        parts = [counted(len(rows), "crop"), *([counted(len(cameras), "camera")] if cameras else [])]
        return " · ".join([*parts, f"SSE {short(error)}, {short(error / len(rows))} per crop"])


def counted(number: int, noun: str) -> str:
    """A number with its noun, such as `1 crop` or `12,936 crops`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def number_by_size(labels: Int64[np.ndarray, " n"], smallest: int) -> tuple[PseudoLabels, int]:
    """Relabel clusters by decreasing size, with ties in their old order, and count the dissolved ones.

    Clusters of fewer than `smallest` rows are dissolved into noise, -1.
    """
    sizes = np.bincount(labels[labels != NOISE])
    order = np.argsort(-sizes, kind="stable")
    number = np.full(len(sizes) + 1, NOISE)  # the last element is for noise, -1
    kept = order[sizes[order] >= smallest]
    number[kept] = np.arange(len(kept))
    return PseudoLabels(number[labels]), len(sizes) - len(kept)
