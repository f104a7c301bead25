"""Choose eps from the distances alone, once a round.

As eps grows, noise first gathers into clusters; then, within a few hundredths, chains of images fuse people:
the number of clusters falls while the number of clustered images still rises. Their product peaks between.
Fragments of people score high in clusters but leave images out; a giant cluster holds all but is only one.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from reseen.cluster.dbscan import dbscan
from reseen.neighbors.rows import Rows

CANDIDATES: tuple[float, ...] = tuple(round(float(eps), 2) for eps in np.arange(0.30, 0.701, 0.02))
"""Jaccard distances that are tried; one graph up to the last serves them all."""


@dataclass(frozen=True)
class EpsilonChoice:
    """The eps chosen and what it was chosen for."""

    eps: float
    """Jaccard distance, 0 to 1."""
    clusters: int
    """Clusters found with it."""
    clustered_share: float
    """Share of images that are in a cluster, 0 to 1."""

    def __str__(self) -> str:
        return (
            f"eps auto chose {self.eps:.2f} of {CANDIDATES[0]:.2f} to {CANDIDATES[-1]:.2f}: "
            f"{self.clusters} clusters with {self.clustered_share:.0%} of the images"
        )


def choose_eps(
    distances: csr_array | Rows, min_samples: int, candidates: tuple[float, ...] = CANDIDATES
) -> EpsilonChoice:
    r"""The eps with the largest $clusters \times clustered\ share$; of equal ones the largest.

    `distances` must hold every pair up to the largest candidate. Where no candidate gives a cluster, the
    largest is returned with 0 clusters.
    """
    choices = []
    for eps in candidates:
        labels = dbscan(distances, eps, min_samples)
        choices.append(EpsilonChoice(eps, labels.cluster_count, 1 - labels.noise_share))
    return max(choices, key=lambda choice: (choice.clusters * choice.clustered_share, choice.eps))
