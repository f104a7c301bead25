r"""The image-level patch loss: a triplet loss between an image's patch embedding and the centers of the batch.

$L_i = [m + \|e_i - c_i\| - \|e_i - c_n\|]_+$ with embeddings $e$ of a batch and centers $c$ of its images. The negative
n is found by cyclic ranking: among the r centers nearest to $e_i$, excluding the image's own, the first that does not
have $c_i$ among its own nearest centers. Without such a center the loss is $m + \|e_i - c_i\|$.

Reference: Yang et al., CVPR 2019, eq. 5 and 6 (image-level patch feature learning).
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from reseen.geometry import squared_euclidean

_SMALLEST = 1e-12
"""Smallest squared distance: the square root has no gradient at zero."""


def image_patches(
    embeddings: Float[Tensor, "m d"],
    images: Int64[Tensor, " m"],
    centers: Float[Tensor, "b d"],
    margin: float,
    reach: int,
    nearest: int,
    groups: Int64[Tensor, " b"] | None = None,
) -> Float[Tensor, ""]:
    """Mean of the triplet terms over the embeddings; no gradient flows to the centers.

    Args:
        embeddings: patch embeddings, several per image.
        images: index of each embedding's center in `centers`.
        centers: one per image of the batch.
        margin: m, 0 or more.
        reach: number of nearest centers that are searched for a negative (r).
        nearest: a candidate is rejected when the image's center is among this many centers nearest to the candidate,
            itself included.
        groups: a label per center; centers with equal labels are never negatives of each other.

    Example:
        loss = image_patches(embeddings, torch.arange(len(centers)), centers, margin=2.0, reach=15, nearest=5)
    """
    centers = centers.detach()
    own = _distance(embeddings, centers[images])
    negatives = true_negatives(embeddings.detach(), images, centers, reach, nearest, groups)
    pushed = _distance(embeddings, centers[negatives.clamp_min(0)]) * (negatives >= 0)
    return (margin + own - pushed).clamp_min(0).mean()


@torch.no_grad()
def true_negatives(
    embeddings: Float[Tensor, "m d"],
    images: Int64[Tensor, " m"],
    centers: Float[Tensor, "b d"],
    reach: int,
    nearest: int,
    groups: Int64[Tensor, " b"] | None = None,
) -> Int64[Tensor, " m"]:
    """Index of the nearest true negative of each embedding among its `reach` nearest centers, -1 where there is none.

    Arguments are as in `image_patches`.
    """
    count = len(centers)
    between = squared_euclidean(centers, centers)
    between.fill_diagonal_(-1.0)  # a center ranks first in its own list, regardless of rounding
    ranked = between.argsort(dim=1, stable=True)[:, : min(nearest, count)]
    close = torch.zeros(count, count, dtype=torch.bool, device=centers.device).scatter_(1, ranked, True)
    if groups is not None:
        close |= groups[:, None] == groups
    distances = squared_euclidean(embeddings, centers).scatter(1, images[:, None], torch.inf)
    candidates = distances.argsort(dim=1, stable=True)[:, : min(reach, count - 1)]
    accepted = ~close[candidates, images[:, None]]  # the image's center is not near the candidate
    if candidates.shape[1] == 0:
        return torch.full_like(images, -1)
    first = accepted.int().argmax(dim=1, keepdim=True)
    return torch.where(accepted.any(dim=1), candidates.gather(1, first)[:, 0], -1)


def _distance(a: Float[Tensor, "m d"], b: Float[Tensor, "m d"]) -> Float[Tensor, " m"]:
    return (a - b).square().sum(dim=1).clamp_min(_SMALLEST).sqrt()
