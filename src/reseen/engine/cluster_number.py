"""Numbers of clusters for people: the largest first, small ones dissolved."""

import numpy as np
from jaxtyping import Int64

from reseen.records import NOISE, PseudoLabels


def number_by_size(found: Int64[np.ndarray, " n"], smallest: int) -> tuple[PseudoLabels, int]:
    """Clusters numbered by size, of equals the one with the smallest number first, and how many were dissolved.

    Clusters of fewer than `smallest` rows are dissolved: -1, as noise is.
    """
    sizes = np.bincount(found[found != NOISE])
    order = np.argsort(-sizes, kind="stable")
    number = np.full(len(sizes) + 1, NOISE)  # the last place is that of noise
    kept = order[sizes[order] >= smallest]
    number[kept] = np.arange(len(kept))
    return PseudoLabels(number[found]), len(sizes) - len(kept)
