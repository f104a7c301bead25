r"""Pull an image's patches, taken together, to the image's center, and push them from the nearest true negative.

$L_i = [m + \|e_i - c_i\| - \|e_i - c_n\|]_+$ with embeddings $e$ of a batch and centers $c$ of its images. The negative
n is found by cyclic ranking: of the r centers nearest to $e_i$, other than the image's own, the first that does not
itself have $c_i$ among its nearest centers. Where there is none, only the pull and the margin are left.

Reference: Yang et al., CVPR 2019, eq. 5 and 6 (image-level patch feature learning).
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from reseen.geometry import squared_euclidean

_SMALLEST = 1e-12


def image_patches(
    embeddings: Float[Tensor, "m d"],
    images: Int64[Tensor, " m"],
    centers: Float[Tensor, "b d"],
    margin: float,
    reach: int,
    nearest: int,
    groups: Int64[Tensor, " b"] | None = None,
) -> Float[Tensor, ""]:
    """Mean over embeddings; `images` says which center is whose. No gradient reaches the centers.

    `reach`: how many of the nearest centers are walked through; `nearest`: how many centers, the candidate's own
    counted, a candidate must not find the image's center among; `groups`: a label per center, of which equal ones are
    no negatives of each other.
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
    """The first center within reach that is a true negative of each embedding, -1 where there is none."""
    count = len(centers)
    between = squared_euclidean(centers, centers)
    between.fill_diagonal_(-1.0)  # a center is its own nearest, whatever rounding says
    ranked = between.argsort(dim=1, stable=True)[:, : min(nearest, count)]
    close = torch.zeros(count, count, dtype=torch.bool, device=centers.device).scatter_(1, ranked, True)
    if groups is not None:
        close |= groups[:, None] == groups
    away = squared_euclidean(embeddings, centers).scatter(1, images[:, None], torch.inf)
    order = away.argsort(dim=1, stable=True)[:, : min(reach, count - 1)]
    true = ~close[order, images[:, None]]  # does the candidate leave the image's center out?
    if order.shape[1] == 0:
        return torch.full_like(images, -1)
    first = true.int().argmax(dim=1, keepdim=True)
    return torch.where(true.any(dim=1), order.gather(1, first)[:, 0], -1)


def _distance(a: Float[Tensor, "m d"], b: Float[Tensor, "m d"]) -> Float[Tensor, " m"]:
    return (a - b).square().sum(dim=1).clamp_min(_SMALLEST).sqrt()
