"""How a measured cost grows with the number of crops."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

_LEAST = 250
"""Crops of the smallest rehearsal: fewer make no clusters to speak of."""


@dataclass(frozen=True)
class Growth:
    """`constant + linear n + higher n^power`, none of them negative."""

    constant: float
    linear: float = 0.0
    higher: float = 0.0
    power: float = 2.0

    def at(self, images: int) -> float:
        """The cost at so many crops."""
        return self.constant + self.linear * images + self.higher * images**self.power


def fit_growth(sizes: Sequence[int], costs: Sequence[float], power: float | None = None) -> Growth:
    """The growth nearest to what was measured, by relative errors.

    Args:
        sizes: numbers of crops, different ones.
        costs: what was measured at each, above 0.
        power: the power of the number of crops that a part may grow with, 2 for the square; three sizes tell.
    """
    numbers, measured = np.asarray(sizes, dtype=np.float64), np.asarray(costs, dtype=np.float64)
    powers = [0.0, 1.0, *([] if power is None else [power])][: len(sizes)]
    scale = numbers.max()
    columns = np.stack([(numbers / scale) ** exponent / measured for exponent in powers], axis=1)
    found, _ = nnls(columns, np.ones(len(measured)))
    parts = [float(value / scale**exponent) for value, exponent in zip(found, powers, strict=True)]
    return Growth(*parts, power=power) if power is not None else Growth(*parts)


def sizes_up_to(images: int, most: int) -> list[int]:
    """Three sizes to measure at, each twice the last, or fewer where they would be tiny.

    The largest is `images` itself where that is no more than `most`: small work is measured, not extrapolated.
    """
    largest = min(images, most)
    return sorted({max(size, min(largest, _LEAST)) for size in (largest // 4, largest // 2, largest)})
