"""The cluster-contrast loss: InfoNCE of a feature against all cluster centroids."""

from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn.functional import cross_entropy


def cluster_contrast(
    features: Float[Tensor, "b d"],
    labels: Int64[Tensor, " b"],
    centroids: Float[Tensor, "c d"],
    temperature: float,
    weights: Float[Tensor, " b"] | None = None,
    excluded: Bool[Tensor, "b c"] | None = None,
) -> Float[Tensor, ""]:
    r"""Mean of $-w \log \frac{\exp(f \cdot c_y / \tau)}{\sum_k \exp(f \cdot c_k / \tau)}$ over the batch.

    Features and centroids are unit rows; `temperature` is $\tau$, above 0. No gradient flows to the centroids. A single
    cluster gives 0; an all-zero memory gives $\ln c$.

    `weights` are the $w$ of each row, 0 or more; 1 when None. `excluded` marks the centroids that the sum of a row
    leaves out, never its own; none when None.

    Reference: Dai et al., "Cluster contrast for unsupervised person re-identification", ACCV 2022, eq. 4.

    Example:
        loss = cluster_contrast(encoder(images), labels, memory.vectors, temperature=0.05)
    """
    return weighted_cross_entropy(features @ centroids.detach().T / temperature, labels, weights, excluded)


def weighted_cross_entropy(
    logits: Float[Tensor, "b c"],
    labels: Int64[Tensor, " b"],
    weights: Float[Tensor, " b"] | None = None,
    excluded: Bool[Tensor, "b c"] | None = None,
) -> Float[Tensor, ""]:
    """Mean over the batch, not over the sum of the weights, of each row's cross entropy times its weight.

    `excluded` marks the classes that a row's softmax leaves out, never its own.

    Example:
        loss = weighted_cross_entropy(classifier.logits(features, 0.05), labels, weights)
    """
    if excluded is not None:
        logits = logits.masked_fill(excluded, float("-inf"))
    if weights is None:
        return cross_entropy(logits, labels)
    return (cross_entropy(logits, labels, reduction="none") * weights).mean()
