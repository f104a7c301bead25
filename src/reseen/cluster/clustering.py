"""What every way of clustering a round answers.

What can be said of a clustering without the truth: how many clusters, how large, how much is left out.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np

from reseen.records import PseudoLabels


@dataclass(frozen=True)
class Clustering:
    """Pseudo labels and how they came about."""

    labels: PseudoLabels
    eps: float | None = None
    """Jaccard distance used in the end, 0 to 1, where the clustering has one."""
    notes: tuple[str, ...] = ()
    """What a person should know: what was chosen, settings relaxed."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """By part of the work."""


@dataclass(frozen=True)
class ClusterQuality:
    """Numbers for a log line; every size is in images and 0 where there is no cluster."""

    clusters: int
    """Clusters, noise not counted."""
    noise_share: float
    """Share of images in no cluster, 0 to 1."""
    smallest: int
    """Images in the smallest cluster."""
    median_size: float
    """Images in the cluster in the middle."""
    largest: int
    """Images in the largest cluster."""
    largest_share: float
    """Share of the clustered images that the largest cluster holds, 0 to 1; near 1 means people fused."""
    size_spread: float
    """Standard deviation of the sizes over their mean; 0 means equal sizes."""

    def as_row(self) -> dict[str, int | float]:
        """The same as a flat mapping for a JSON line."""
        return asdict(self)


def cluster_quality(labels: PseudoLabels) -> ClusterQuality:
    """Count and measure the clusters of one labelling."""
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
