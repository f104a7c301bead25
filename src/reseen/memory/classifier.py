"""A cosine classifier over clusters whose weights are learned by gradient descent.

Reference: the classifiers of pseudo-label methods such as Ge et al., "Self-paced contrastive learning with hybrid
memory", NeurIPS 2020, which are reinitialized with the cluster centers in each round; here on the unit sphere.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import Adam

from reseen.geometry import unit


class Classifier:
    """One direction per cluster, `weights` of shape (c, d), with an Adam optimizer of its own; it lasts one round.

    Example:
        classifier = Classifier(memory.vectors, rate=3.5e-4)
        classifier.loss(features, labels, temperature=0.05).backward()
        classifier.step()
    """

    def __init__(self, centroids: Float[Tensor, "c d"], rate: float) -> None:
        self.weights = centroids.detach().clone().requires_grad_()
        self._optimizer = Adam([self.weights], rate)

    def loss(
        self, features: Float[Tensor, "b d"], labels: Int64[Tensor, " b"], temperature: float
    ) -> Float[Tensor, ""]:
        """Cross-entropy of the cosines divided by the temperature; gradients flow to features and weights."""
        return cross_entropy(features @ unit(self.weights).T / temperature, labels)

    @torch.no_grad()
    def step(self) -> None:
        """Take one optimizer step with the accumulated gradients, and clear them."""
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
