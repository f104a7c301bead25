"""Average precision by the step rule and by the trapezoidal rule."""

from typing import Literal

import numpy as np
from jaxtyping import Float64

from reseen.evaluate.ranking import PositiveRanks

PrecisionRule = Literal["step", "trapezoid"]
"""`step`: precision at each correct match. `trapezoid`: the mean of that and the precision one rank above it."""


def average_precisions(ranks: PositiveRanks, rule: PrecisionRule = "step") -> Float64[np.ndarray, " q"]:
    r"""Average precision, 0 to 1, of each query with correct matches at ranks $r_1 < ... < r_m$; NaN without matches.

    `step`: $\frac{1}{m} \sum_i i / r_i$. `trapezoid`, the rule of the Market-1501 toolbox:
    $\frac{1}{2m} \sum_i [i / r_i + (i - 1) / (r_i - 1)]$, where 0 / 0 counts as 1: the area under the linearly
    interpolated precision-recall curve. It is never above the step rule.
    """
    counts = np.diff(ranks.offsets)
    valid = counts > 0
    result = np.full(len(counts), np.nan)
    if valid.any():
        hits = np.arange(1, len(ranks.ranks) + 1) - np.repeat(ranks.offsets[:-1], counts)
        terms = hits / ranks.ranks
        if rule == "trapezoid":
            above = np.where(ranks.ranks > 1, (hits - 1) / np.maximum(ranks.ranks - 1, 1), 1.0)
            terms = (terms + above) / 2
        # Queries without a match own no ranks, so the starts of the others are enough for reduceat.
        result[valid] = np.add.reduceat(terms, ranks.offsets[:-1][valid]) / counts[valid]
    return result
