"""Chooses eps of DBSCAN from one graph of Jaccard distances, without labels: for vectors too many for several graphs.

As eps grows, noise first joins clusters; then, within a few hundredths, chaining merges identities: the number of
clusters falls while the number of clustered images still rises. Their product peaks in between: fragments have many
clusters but leave images out, a giant cluster has all images but is only one. Where people were seen a few times only,
the peak lies beyond the first chains; `choose_settings` compares more, and is what training uses.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from reseen.cluster.dbscan import dbscan
from reseen.neighbors.csr import Rows

CANDIDATES: tuple[float, ...] = tuple(round(float(eps), 2) for eps in np.arange(0.30, 0.701, 0.02))
"""Candidates for eps; one distance graph up to the largest is enough for all."""


@dataclass(frozen=True)
class EpsilonChoice:
    """A choice of eps, with the clustering statistics behind it."""

    eps: float
    """Jaccard distance, 0 to 1."""
    clusters: int
    """Number of clusters at this eps."""
    clustered_share: float
    """Fraction of images in a cluster, 0 to 1."""

    def __str__(self) -> str:
        return (
            f"eps auto chose {self.eps:.2f} of {CANDIDATES[0]:.2f} to {CANDIDATES[-1]:.2f}: "
            f"{self.clusters} clusters with {self.clustered_share:.0%} of the images"
        )


def choose_eps(
    distances: csr_array | Rows, min_samples: int, candidates: tuple[float, ...] = CANDIDATES
) -> EpsilonChoice:
    r"""The candidate eps that maximizes $clusters \times clustered\ share$; ties go to the largest eps.

    `distances` must contain every pair up to the largest candidate. If no candidate gives a cluster, the largest is
    returned with 0 clusters.

    Example:
        distances = jaccard_distance(features, neighbors, JaccardSettings(), threshold=0.7)
        eps = choose_eps(distances, min_samples=4).eps
    """
    choices = []
    for eps in candidates:
        labels = dbscan(distances, eps, min_samples)
        choices.append(EpsilonChoice(eps, labels.cluster_count, 1 - labels.noise_share))
    return max(choices, key=lambda choice: (choice.clusters * choice.clustered_share, choice.eps))
