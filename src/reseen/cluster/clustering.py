"""The result of clustering one round, and its statistics without ground truth: cluster count, sizes, noise."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np

from reseen.records import PseudoLabels


@dataclass(frozen=True)
class Clustering:
    """Pseudo-labels, with how they were computed."""

    labels: PseudoLabels
    eps: float | None = None
    """Final eps of DBSCAN, a Jaccard distance from 0 to 1; None for other clusterings."""
    notes: tuple[str, ...] = ()
    """Messages for the log: automatic choices, relaxed settings."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Wall-clock seconds by stage."""
    merge_costs: tuple[tuple[int, float], ...] = ()
    """For each step of a merging, the number of merges so far and the highest cost of its merges."""


@dataclass(frozen=True)
class ClusterQuality:
    """Statistics of a clustering for the log; sizes are in images, and 0 if there is no cluster."""

    clusters: int
    """Number of clusters, excluding noise."""
    noise_share: float
    """Fraction of images in no cluster, 0 to 1."""
    smallest: int
    """Images in the smallest cluster."""
    median_size: float
    """Median cluster size."""
    largest: int
    """Images in the largest cluster."""
    largest_share: float
    """Fraction of the clustered images in the largest cluster, 0 to 1; near 1 means identities were merged."""
    size_spread: float
    """Coefficient of variation of the sizes (standard deviation over mean); 0 means equal sizes."""

    def as_row(self) -> dict[str, int | float]:
        """The statistics as a flat mapping for a JSON line."""
        return asdict(self)


def cluster_quality(labels: PseudoLabels) -> ClusterQuality:
    """The statistics of a labeling.

    Example:
        cluster_quality(PseudoLabels(np.array([0, 0, 1, -1]))).noise_share  # 0.25
    """
    sizes = labels.sizes
    if not len(sizes):
        return ClusterQuality(0, labels.noise_share, 0, 0.0, 0, 0.0, 0.0)
    return ClusterQuality(
        clusters=labels.cluster_count,
        noise_share=labels.noise_share,
        smallest=int(sizes.min()),
        median_size=float(np.median(sizes)),
        largest=int(sizes.max()),
        largest_share=float(sizes.max() / sizes.sum()),
        size_spread=float(sizes.std() / sizes.mean()),
    )
