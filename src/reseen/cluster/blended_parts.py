"""Features of whole images and of their parts as one matrix, whose distances are a weighted sum of those of each.

References: Fu et al., "Self-similarity grouping: a simple unsupervised cross domain adaptation approach for person
re-identification", ICCV 2019, which clusters wholes, upper and lower halves; Cho et al., "Part-based pseudo label
refinement for unsupervised person re-identification", CVPR 2022, which refines labels by parts. One blended distance is
ours.
"""

from collections.abc import Sequence

import torch

from reseen.records import Features

_TOLERANCE = 1e-6
"""Of the sum of the weights."""


def blend_parts(parts: Sequence[Features], weights: Sequence[float]) -> Features:
    """Unit rows whose squared distances are the weighted sums of those of the parts.

    They are the rows of all parts, scaled by the square roots of the weights, one beside the other: so that neighbors,
    Jaccard distances and clusterings take them as any features.

    Args:
        parts: unit features of the same n rows.
        weights: one for each part, 0 or more, of sum 1.

    Raises:
        ValueError: there are not as many weights as parts, they do not sum to 1, or a part is raw.

    Example:
        blended = blend_parts([whole, upper, lower], [0.7, 0.15, 0.15])
    """
    if len(parts) != len(weights):
        raise ValueError(f"{len(parts)} parts but {len(weights)} weights")
    if min(weights, default=0) < 0 or abs(sum(weights) - 1) > _TOLERANCE:
        raise ValueError(f"weights of parts are 0 or more and sum to 1, got {list(weights)}")
    if any(part.raw for part in parts):
        raise ValueError("blending needs unit vectors, got raw features")
    scaled = [weight**0.5 * part.vectors for part, weight in zip(parts, weights, strict=True)]
    return Features(torch.cat(scaled, dim=1))
