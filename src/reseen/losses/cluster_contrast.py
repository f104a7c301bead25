"""Contrast a feature with all cluster centroids."""

from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy


def cluster_contrast(
    features: Float[Tensor, "b d"],
    labels: Int64[Tensor, " b"],
    centroids: Float[Tensor, "c d"],
    temperature: float,
) -> Float[Tensor, ""]:
    r"""Mean of $-\log \frac{\exp(f \cdot c_y / \tau)}{\sum_k \exp(f \cdot c_k / \tau)}$ over the batch.

    Features and centroids are unit rows; no gradient reaches the centroids. One cluster gives 0; a memory of
    zeros gives $\ln c$. Reference: Dai et al. 2022, eq. 4.
    """
    return cross_entropy(features @ centroids.detach().T / temperature, labels)
