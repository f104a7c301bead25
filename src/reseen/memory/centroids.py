"""The cluster memory: one unit centroid per cluster, updated from the features of each batch.

Reference: Dai et al., "Cluster contrast for unsupervised person re-identification", ACCV 2022, eq. 5-7.
"""

from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor

from reseen.config import Settings
from reseen.geometry import unit
from reseen.memory.sequential_ema import cumcount, sequential_ema


class CentroidSettings(Settings):
    """Settings of the cluster memory's momentum update."""

    momentum: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Weight of the old centroid in each update."""

    update: Literal["instance", "hard", "mean"] = "instance"
    """`instance`: one update per sample, in batch order; `hard`: only the sample of each cluster least similar to its
    centroid; `mean`: one update with the mean direction of the cluster's samples in the batch."""


class CentroidMemory:
    """Centroids of the clusters of one round: `vectors` of shape (c, d), unit rows without gradients.

    Example:
        memory = CentroidMemory(features, labels, CentroidSettings())
        loss = cluster_contrast(batch_features, batch_labels, memory.vectors, temperature=0.05)
        memory.update(batch_features, batch_labels)
    """

    def __init__(
        self, features: Float[Tensor, "n d"], labels: Int64[Tensor, " n"], settings: CentroidSettings
    ) -> None:
        """Initialize each centroid with the mean direction of its cluster's features; noise (-1) is excluded."""
        kept = labels >= 0
        labels = labels[kept]
        sums = torch.zeros(int(labels.max()) + 1, features.shape[1], dtype=torch.float64)
        sums.index_add_(0, labels.cpu(), features[kept].cpu().double())
        self.vectors = unit(sums).to(dtype=features.dtype, device=features.device)
        self._settings = settings

    @torch.no_grad()
    def update(self, features: Float[Tensor, "b d"], labels: Int64[Tensor, " b"]) -> None:
        """Update the centroids of `labels` with `features`, in place; the features are detached."""
        features = features.detach().to(self.vectors)
        if self._settings.update == "hard":
            features, labels = self._hardest(features, labels)
        elif self._settings.update == "mean":
            features, labels = _means(features, labels)
        sequential_ema(self.vectors, features, labels, self._settings.momentum)

    def _hardest(
        self, features: Float[Tensor, "b d"], labels: Int64[Tensor, " b"]
    ) -> tuple[Float[Tensor, "c d"], Int64[Tensor, " c"]]:
        """The sample of each cluster least similar to its centroid; ties go to the first sample."""
        similarity = (features * self.vectors[labels]).sum(dim=1)
        by_similarity = torch.sort(similarity, stable=True).indices
        hardest = by_similarity[cumcount(labels[by_similarity]) == 0]
        return features[hardest], labels[hardest]


def _means(
    features: Float[Tensor, "b d"], labels: Int64[Tensor, " b"]
) -> tuple[Float[Tensor, "c d"], Int64[Tensor, " c"]]:
    clusters, inverse = torch.unique(labels, return_inverse=True)
    sums = torch.zeros(len(clusters), features.shape[1], dtype=features.dtype, device=features.device)
    sums.index_add_(0, inverse, features)
    return unit(sums), clusters
