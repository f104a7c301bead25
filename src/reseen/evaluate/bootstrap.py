"""Bootstrap confidence intervals of a score, resampled over people."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

SAMPLES = 1000
"""Default number of bootstrap samples."""

LEVEL = 0.95
"""Default confidence level, 0 to 1."""


@dataclass(frozen=True)
class Interval:
    """The two ends of a confidence interval: 0 to 1 for a score, -1 to 1 for a difference of scores."""

    low: float
    high: float


def bootstrap(
    values: Float64[np.ndarray, " q"],
    identities: Int64[np.ndarray, " q"],
    seed: int = 0,
    samples: int = SAMPLES,
    level: float = LEVEL,
) -> Interval:
    """The percentile interval of the mean of `values` (q,), from people drawn with replacement with all their queries.

    Queries of one person are correlated, so resampling single queries would give intervals that are too narrow.
    NaN values (queries without a match) are ignored. The gallery is not resampled.

    Reference: Efron and Tibshirani 1993, "An introduction to the bootstrap", chapter 13; over clusters of
    observations, Davison and Hinkley 1997, section 3.8.

    Raises:
        ValueError: every value is NaN.
    """
    known = ~np.isnan(values)
    if not known.any():
        raise ValueError("a bootstrap interval needs at least one value that is not NaN")
    _, person = np.unique(identities[known], return_inverse=True)
    totals, counts = np.bincount(person, values[known]), np.bincount(person)
    people = len(counts)
    weights = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=samples)
    means = (weights @ totals) / (weights @ counts)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
