"""A cosine classifier over clusters whose weights are learned by gradient descent.

Reference: the classifiers of pseudo-label methods such as Ge et al., "Self-paced contrastive learning with hybrid
memory", NeurIPS 2020, which are reinitialized with the cluster centers in each round; here on the unit sphere.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Adam

from reseen.geometry import unit


class Classifier:
    """One direction per cluster, `weights` of shape (c, d), with an Adam optimizer of its own; it lasts one round.

    Example:
        classifier = Classifier(memory.vectors, rate=3.5e-4)
        weighted_cross_entropy(classifier.logits(features, temperature=0.05), labels).backward()
        classifier.step()
    """

    def __init__(self, centroids: Float[Tensor, "c d"], rate: float) -> None:
        self.weights = centroids.detach().clone().requires_grad_()
        self._optimizer = Adam([self.weights], rate)

    def logits(self, features: Float[Tensor, "b d"], temperature: float) -> Float[Tensor, "b c"]:
        """The cosines divided by the temperature; gradients flow to features and weights."""
        return features @ unit(self.weights).T / temperature

    @torch.no_grad()
    def step(self) -> None:
        """Take one optimizer step with the accumulated gradients, and clear them."""
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
