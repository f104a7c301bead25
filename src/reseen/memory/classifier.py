"""Directions of clusters that learn by gradient, instead of following the batches.

Reference: the classifier of Ge et al., "Self-paced contrastive learning with hybrid memory", NeurIPS 2020, and its
kin, whose weights start anew at the clusters' centers in each round; here on the sphere.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import Adam

from reseen.geometry import unit


class Classifier:
    """One direction per cluster, `weights` of shape (c, d); it lives for a round and has an optimizer of its own."""

    def __init__(self, centroids: Float[Tensor, "c d"], rate: float) -> None:
        self.weights = centroids.detach().clone().requires_grad_()
        self._optimizer = Adam([self.weights], rate)

    def loss(
        self, features: Float[Tensor, "b d"], labels: Int64[Tensor, " b"], temperature: float
    ) -> Float[Tensor, ""]:
        """Cross-entropy of the cosines over the temperature; gradients reach features and directions."""
        return cross_entropy(features @ unit(self.weights).T / temperature, labels)

    @torch.no_grad()
    def learn(self) -> None:
        """Take the gradients since the last step."""
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
