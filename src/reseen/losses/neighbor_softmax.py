"""Neighbor contrast: a feature is pulled to the memory rows of its neighbors, and pushed from all others.

It needs no cluster: people who are in none, or in one with others, still have neighbors.

Reference: the softmax over one memory row per image with neighbors as positives is that of Zhong et al., "Invariance
matters: exemplar memory for domain adaptive person re-identification", CVPR 2019, eq. 8. That rows which may be the
same person are left out of the softmax is ours.
"""

from jaxtyping import Bool, Float, Int64
from torch import Tensor


def neighbor_contrast(
    features: Float[Tensor, "b d"],
    memory: Float[Tensor, "n d"],
    neighbors: Int64[Tensor, "b k"],
    excluded: Bool[Tensor, "b n"],
    temperature: float = 0.05,
) -> Float[Tensor, ""]:
    r"""Mean over rows of $-\frac{1}{|P|} \sum_{p \in P} \log \frac{e^{s_p / \tau}}{\sum_j e^{s_j / \tau}}$.

    $s$ are inner products of unit rows, P the row's neighbors, and j all memory rows that are not `excluded`; neighbors
    are never left out. A row without a neighbor counts as 0. No gradient flows to the memory.

    Args:
        features: embeddings of the batch, of unit length.
        memory: one unit row per training image.
        neighbors: memory rows of each image's neighbors, padded with -1.
        excluded: memory rows that a row's softmax leaves out.
        temperature: divides similarities, above 0.

    Example:
        loss = neighbor_contrast(encoder(images), bank.vectors, neighbors[rows], excluded)
    """
    present = neighbors >= 0
    places = neighbors.clamp_min(0)
    logits = features @ memory.detach().T / temperature
    positive = logits.gather(1, places)
    last = len(memory)  # a column for padding
    is_neighbor = excluded.new_zeros(len(features), last + 1).scatter(1, neighbors.where(present, last), True)
    left_out = (
        excluded & ~is_neighbor[:, :last] & present.any(dim=1, keepdim=True)
    )  # a row without neighbors stays finite
    total = logits.masked_fill(left_out, float("-inf")).logsumexp(dim=1, keepdim=True)
    of_row = ((total - positive) * present).sum(dim=1) / present.sum(dim=1).clamp_min(1)
    return of_row.mean()
