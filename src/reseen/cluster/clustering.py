"""The result of clustering one round, its statistics without ground truth, and crops left out of its clusters.

Left out are crops of small clusters, and crops that are nearer to another cluster.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from jaxtyping import Bool

from reseen.cluster.membership import measure_membership
from reseen.errors import TrainingError
from reseen.records import NOISE, Features, PseudoLabels


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


def prune(
    features: Features, clustering: Clustering, smallest: int = 1, drop_doubtful: bool = False
) -> Clustering:
    """A clustering whose clusters of fewer than `smallest` images are noise.

    With `drop_doubtful`, ambiguous images become noise first: those nearer to the mean direction of another cluster
    than to that of their own.

    Raises:
        TrainingError: fewer than two clusters of that size remain.

    Example:
        kept = prune(features, merge_features(features, HierarchySettings()), smallest=4)
    """
    labels, notes = clustering.labels.labels, clustering.notes
    ambiguous = np.zeros(len(labels), dtype=bool)
    if drop_doubtful:
        membership = measure_membership(features, clustering.labels)
        ambiguous = membership.other_similarity > membership.similarity
        share = f"{ambiguous.mean():.0%}"
        notes = (*notes, f"{share} of the crops are nearer to another cluster and excluded as ambiguous")
    return exclude(replace(clustering, notes=notes), ambiguous, smallest)


def exclude(clustering: Clustering, excluded: Bool[np.ndarray, " n"], smallest: int = 1) -> Clustering:
    """A clustering in which the `excluded` images are noise, and clusters that keep fewer than `smallest` images.

    Raises:
        TrainingError: fewer than two clusters of that size remain.

    Example:
        kept = exclude(clustering, disputed_crops(clustering.labels, within))
    """
    labels = clustering.labels.labels
    sizes = np.bincount(labels[~excluded & (labels != NOISE)], minlength=clustering.labels.cluster_count)
    kept = np.flatnonzero(sizes >= smallest)
    if len(kept) < 2:
        raise TrainingError(
            f"expected at least two clusters of {smallest} images or more, got {len(kept)} of {len(sizes)} clusters of "
            f"{len(labels)} images; change method.clustering (with hierarchy, merge less or more: share, steps), or "
            "lower method.smallest_cluster"
        )
    number = np.full(len(sizes) + 1, NOISE)  # the last element is for noise, -1
    number[kept] = np.arange(len(kept))
    return replace(clustering, labels=PseudoLabels(np.where(excluded, NOISE, number[labels])))
