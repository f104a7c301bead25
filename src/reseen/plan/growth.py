"""How a measured cost grows with the number of crops."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

_LEAST = 250
"""Crops of the smallest rehearsal: fewer make no clusters to speak of."""


@dataclass(frozen=True)
class Growth:
    """`constant + linear n + square n^2`, none of them negative."""

    constant: float
    linear: float = 0.0
    square: float = 0.0

    def at(self, images: int) -> float:
        """The cost at so many crops."""
        return self.constant + self.linear * images + self.square * images**2


def fit_growth(sizes: Sequence[int], costs: Sequence[float], *, square: bool = False) -> Growth:
    """The growth nearest to what was measured, by relative errors.

    Args:
        sizes: numbers of crops, different ones.
        costs: what was measured at each, above 0.
        square: whether a part may grow with the square; it takes three sizes to tell.
    """
    numbers, measured = np.asarray(sizes, dtype=np.float64), np.asarray(costs, dtype=np.float64)
    powers = [0, 1, 2][: min(len(sizes), 3 if square else 2)]
    scale = numbers.max()
    columns = np.stack([(numbers / scale) ** power / measured for power in powers], axis=1)
    found, _ = nnls(columns, np.ones(len(measured)))
    return Growth(*(float(value / scale**power) for value, power in zip(found, powers, strict=True)))


def sizes_up_to(images: int, most: int) -> list[int]:
    """Three sizes to measure at, each twice the last, or fewer where they would be tiny.

    The largest is `images` itself where that is no more than `most`: small work is measured, not extrapolated.
    """
    largest = min(images, most)
    return sorted({max(size, min(largest, _LEAST)) for size in (largest // 4, largest // 2, largest)})
