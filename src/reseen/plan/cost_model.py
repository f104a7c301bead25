"""How a measured cost grows with the number of crops.

Stages, timed at several sizes and told for another.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import nnls

from reseen.plan.estimate import PlanStage
from reseen.runs.allocation import return_memory
from reseen.runs.process_memory import MemoryWatch, own_bytes

_LEAST = 250
"""Crops of the smallest rehearsal: fewer make no clusters to speak of."""


@dataclass(frozen=True)
class CostModel:
    """`constant + linear n + higher n^power`, none of them negative."""

    constant: float
    linear: float = 0.0
    higher: float = 0.0
    power: float = 2.0

    def at(self, images: int) -> float:
        """The cost at so many crops."""
        return self.constant + self.linear * images + self.higher * images**self.power


def fit_cost_model(sizes: Sequence[int], costs: Sequence[float], power: float | None = None) -> CostModel:
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
    return CostModel(*parts, power=power) if power is not None else CostModel(*parts)


def sizes_up_to(images: int, most: int) -> list[int]:
    """Three sizes to measure at, each twice the last, or fewer where they would be tiny.

    The largest is `images` itself where that is no more than `most`: small work is measured, not extrapolated.
    """
    largest = min(images, most)
    return sorted({max(size, min(largest, _LEAST)) for size in (largest // 4, largest // 2, largest)})


_LEAST_SECONDS = 1e-6
_UNKNOWN = 1.0
"""Bytes, where the system does not tell (it is Linux that does)."""


@dataclass
class Measured:
    """What one stage took at several sizes."""

    name: str
    power: float | None = None
    """The power of the number of crops that a part of it may grow with, 2 for the square."""
    sizes: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    """Of the memory, what the process held before the stage."""
    squared: list[float] = field(default_factory=list)
    """Memory of the stage that is known to grow with up to the square, where there is such."""
    warming: float = 0.0
    """Seconds that the first time took longer than the second, where one size was measured twice in a row."""

    @contextmanager
    def at(self, images: int, times: int = 1) -> Iterator[None]:
        """Time a block, which does the stage at so many crops `times` times over."""
        return_memory()
        held = own_bytes()
        with MemoryWatch() as watch:
            yield
            watch.finish(self.name)
        found = watch.stages[self.name]
        self.add(images, found.seconds / times, found.peak_bytes, held)

    def add(self, images: int, seconds: float, peak_bytes: int | None, held: int | None = None) -> None:
        """Note what the stage took at so many crops, and what of the memory was there before.

        The same size again replaces the last one, which had to load and compile.
        """
        if self.sizes and self.sizes[-1] == images:
            self.warming = max(0.0, self.seconds.pop() - seconds)
            for noted in (self.sizes, self.memory, self.held):
                noted.pop()
        self.sizes.append(images)
        self.seconds.append(max(seconds, _LEAST_SECONDS))
        self.memory.append(float(peak_bytes or _UNKNOWN))
        self.held.append(float(held or 0.0))

    def stage(
        self,
        images: int,
        times: float = 1,
        row_bytes: float = 0.0,
        disk: float = 0.0,
        most_memory: float = math.inf,
    ) -> PlanStage:
        """The stage at another size, `times` times over.

        Args:
            images: the size.
            times: how often it is done.
            row_bytes: bytes of memory that every crop takes at least.
            disk: bytes that it leaves on disk.
            most_memory: bytes of memory that it keeps below.
        """
        seconds = fit_cost_model(self.sizes, self.seconds, self.power).at(images)
        largest = max(self.sizes)
        held = max(self.held, default=0.0)
        added = [max(peak - before, _UNKNOWN) for peak, before in zip(self.memory, self.held, strict=True)]
        grown = held + fit_cost_model(self.sizes, added).at(images)
        if self.squared:
            grown = max(grown, held + fit_cost_model(self.sizes, self.squared, 2).at(images))
        least = max(self.memory) + row_bytes * (images - largest)
        return PlanStage(self.name, self.warming + times * seconds, min(max(grown, least), most_memory), disk)
