"""The batch-hard triplet loss."""

from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import softplus

from reseen.geometry import squared_euclidean

_SMALLEST = 1e-12
"""Smallest squared distance: the square root has no gradient at zero."""


def batch_hard_triplet(
    features: Float[Tensor, "b d"], labels: Int64[Tensor, " b"], margin: float | Literal["soft"]
) -> Float[Tensor, ""]:
    r"""Mean over anchors of $[m + \max_p d(a, p) - \min_n d(a, n)]_+$ with Euclidean $d$, 0 to 2 on unit rows.

    For each anchor, the farthest row of the same label (the anchor itself if it has no positive) against the nearest of
    another. `soft` replaces the hinge by $\ln(1 + \exp(\cdot))$ without a margin. Anchors without a negative are
    excluded from the mean; a batch of one label gives 0, identical rows give the margin.

    Reference: Hermans et al., "In defense of the triplet loss for person re-identification", 2017, eq. 5.

    Example:
        loss = batch_hard_triplet(encoder(images), labels, margin="soft")
    """
    distances = squared_euclidean(features, features).clamp_min(_SMALLEST).sqrt()
    same = labels[:, None] == labels[None, :]
    positives = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    farthest = distances.masked_fill(~positives, 0).amax(dim=1)
    nearest = distances.masked_fill(same, torch.inf).amin(dim=1)
    has_negative = (~same).any(dim=1)
    gap = (farthest - nearest).masked_fill(~has_negative, 0)
    terms = softplus(gap) if margin == "soft" else (gap + margin).clamp_min(0)
    return (terms * has_negative).sum() / has_negative.sum().clamp_min(1)
