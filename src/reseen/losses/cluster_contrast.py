"""The cluster-contrast loss: InfoNCE of a feature against all cluster centroids."""

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

    Features and centroids are unit rows; `temperature` is $\tau$, above 0. No gradient flows to the centroids. A single
    cluster gives 0; an all-zero memory gives $\ln c$.

    Reference: Dai et al., "Cluster contrast for unsupervised person re-identification", ACCV 2022, eq. 4.

    Example:
        loss = cluster_contrast(encoder(images), labels, memory.vectors, temperature=0.05)
    """
    return cross_entropy(features @ centroids.detach().T / temperature, labels)
