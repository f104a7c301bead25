"""Soft targets: part of a row's target is spread over the clusters of its nearest neighbors.

A crop whose neighbors lie in several clusters is at the border of its own, where a cluster may be half a person, or two
people.

References: Lin et al., "Unsupervised person re-identification via softened similarity learning", CVPR 2020, for a
target that neighbors share with the row's own class; Cho et al., "Part-based pseudo label refinement for unsupervised
person re-identification", CVPR 2022, for refining the targets of clusters by nearest neighbors. The weights are ours.
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


def spread_targets(
    labels: Int64[Tensor, " b"], neighbor_labels: Int64[Tensor, "b k"], clusters: int, share: float
) -> Float[Tensor, "b c"]:
    """Target distributions: 1 - `share` on a row's own cluster, `share` spread over the clusters of its neighbors.

    Args:
        labels: the row's own cluster.
        neighbor_labels: clusters of its neighbors, -1 for neighbors in no cluster, which are left out. A cluster's part
            of the `share` is its part of the neighbors that are left.
        clusters: number of clusters c.
        share: 0 to 1.

    Returns:
        Rows of sum 1. Without a neighbor in a cluster all is on the row's own.

    Example:
        >>> spread_targets(torch.tensor([0]), torch.tensor([[0, 2, 2, -1]]), clusters=3, share=0.3)
        tensor([[0.8000, 0.0000, 0.2000]])
    """
    known = neighbor_labels >= 0
    counts = known.sum(dim=1, keepdim=True)
    targets = torch.zeros(len(labels), clusters, device=labels.device)
    targets.scatter_add_(1, neighbor_labels.clamp_min(0), share * known / counts.clamp_min(1))
    return targets.scatter_add_(1, labels[:, None], 1 - share * (counts > 0))


def soft_cross_entropy(
    logits: Float[Tensor, "b c"],
    targets: Float[Tensor, "b c"],
    weights: Float[Tensor, " b"] | None = None,
    excluded: Bool[Tensor, "b c"] | None = None,
) -> Float[Tensor, ""]:
    """Mean over the batch of each row's cross entropy with its target distribution, times its weight.

    `weights` are 0 or more, 1 when None. `excluded` marks the classes that a row's softmax leaves out; a class with a
    part of the row's target is never left out. With all of a target on one class it is `weighted_cross_entropy`.

    Example:
        targets = spread_targets(labels, neighbor_labels, len(memory.vectors), share=0.2)
        loss = soft_cross_entropy(features @ memory.vectors.T / 0.05, targets)
    """
    left_out = None if excluded is None else excluded & (targets == 0)
    if left_out is not None:
        logits = logits.masked_fill(left_out, float("-inf"))
    log_shares = logits.log_softmax(dim=1)
    if left_out is not None:
        log_shares = log_shares.masked_fill(left_out, 0.0)  # times a target of 0, which -inf would make NaN
    losses = -(targets * log_shares).sum(dim=1)
    return losses.mean() if weights is None else (losses * weights).mean()
