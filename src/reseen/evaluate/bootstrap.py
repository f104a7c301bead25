"""How far a score could be off by the luck of who was asked for: bootstrap intervals over people."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

SAMPLES = 1000
"""Bootstrap samples."""

LEVEL = 0.95
"""Share of samples within the interval, 0 to 1."""


@dataclass(frozen=True)
class Interval:
    """Between which shares, 0 to 1, the middle of the samples lies."""

    low: float
    high: float


def bootstrap(
    values: Float64[np.ndarray, " q"],
    identities: Int64[np.ndarray, " q"],
    seed: int = 0,
    samples: int = SAMPLES,
    level: float = LEVEL,
) -> Interval:
    """The percentile interval of the mean of `values`, people drawn with replacement, with all of their queries.

    Queries of one person share clothes and so luck; drawn one by one they would look more certain than they are.
    Values that are NaN (queries without an answer) are left out. The gallery stays as it is.

    Reference: Efron and Tibshirani 1993, "An introduction to the bootstrap", chapter 13; over clusters of
    observations, Davison and Hinkley 1997, section 3.8.

    Raises:
        ValueError: no value is left.
    """
    known = ~np.isnan(values)
    if not known.any():
        raise ValueError("an interval needs one value or more")
    _, person = np.unique(identities[known], return_inverse=True)
    totals, counts = np.bincount(person, values[known]), np.bincount(person)
    people = len(counts)
    drawn = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=samples)
    means = (drawn @ totals) / (drawn @ counts)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
