"""Cost models: measurements of a stage at several numbers of crops, and extrapolation to another."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import nnls

from reseen.plan.estimate import PlanStage
from reseen.runs.process_memory import MemoryWatch, own_bytes, return_memory

_MIN_IMAGES = 250
"""Crops of the smallest benchmark; fewer form hardly any clusters."""


@dataclass(frozen=True)
class CostModel:
    """The cost `constant + linear * n + higher * n**power` of n crops, with nonnegative coefficients."""

    constant: float
    linear: float = 0.0
    higher: float = 0.0
    power: float = 2.0

    def predict(self, images: int) -> float:
        """The cost of `images` crops."""
        return self.constant + self.linear * images + self.higher * images**self.power


def fit_cost_model(sizes: Sequence[int], costs: Sequence[float], power: float | None = None) -> CostModel:
    """Fit a cost model by nonnegative least squares of the relative errors.

    With k sizes, only the first k of the constant, linear and higher term are fitted.

    Args:
        sizes: distinct numbers of crops.
        costs: positive cost measured at each size.
        power: exponent of the higher term, such as 2; no such term if None.
    """
    counts, measured = np.asarray(sizes, dtype=np.float64), np.asarray(costs, dtype=np.float64)
    exponents = [0.0, 1.0, *([] if power is None else [power])][: len(sizes)]
    scale = counts.max()
    columns = np.stack([(counts / scale) ** exponent / measured for exponent in exponents], axis=1)
    solution, _ = nnls(columns, np.ones(len(measured)))
    coefficients = [
        float(value / scale**exponent) for value, exponent in zip(solution, exponents, strict=True)
    ]
    return CostModel(*coefficients, power=power) if power is not None else CostModel(*coefficients)


def benchmark_sizes(images: int, max_images: int) -> list[int]:
    """Up to three numbers of crops to measure, ascending, each about twice the previous one.

    The largest is `min(images, max_images)`: small work is measured, not extrapolated. Sizes are at least 250
    (or the largest).
    """
    largest = min(images, max_images)
    return sorted({max(size, min(largest, _MIN_IMAGES)) for size in (largest // 4, largest // 2, largest)})


_MIN_SECONDS = 1e-6
_UNKNOWN_BYTES = 1.0
"""Memory on systems other than Linux, which do not report it."""


@dataclass
class StageMeasurement:
    """Time and memory of one stage, measured at several numbers of crops."""

    name: str
    power: float | None = None
    """Exponent of the highest term of the time, such as 2; linear if None."""
    sizes: list[int] = field(default_factory=list)
    """Numbers of crops."""
    seconds: list[float] = field(default_factory=list)
    """Time at each size."""
    memory: list[float] = field(default_factory=list)
    """Peak memory of the process at each size, in bytes."""
    baseline: list[float] = field(default_factory=list)
    """Memory of the process before the stage, in bytes."""
    quadratic_memory: list[float] = field(default_factory=list)
    """Bytes of a known allocation that grows up to quadratically; empty if there is none."""
    warmup: float = 0.0
    """Additional seconds of the first of two consecutive measurements at the same size."""

    @contextmanager
    def measure(self, images: int, times: int = 1) -> Iterator[None]:
        """Measure a `with` block, which runs the stage on `images` crops `times` times."""
        return_memory()
        baseline = own_bytes()
        with MemoryWatch() as watch:
            yield
            watch.finish(self.name)
        stage = watch.stages[self.name]
        self.add(images, stage.seconds / times, stage.peak_bytes, baseline)

    def add(self, images: int, seconds: float, peak_bytes: int | None, baseline: int | None = None) -> None:
        """Add a measurement.

        A second one at the same size replaces the first, which included loading and compiling (`warmup`).
        """
        if self.sizes and self.sizes[-1] == images:
            self.warmup = max(0.0, self.seconds.pop() - seconds)
            for values in (self.sizes, self.memory, self.baseline):
                values.pop()
        self.sizes.append(images)
        self.seconds.append(max(seconds, _MIN_SECONDS))
        self.memory.append(float(peak_bytes or _UNKNOWN_BYTES))
        self.baseline.append(float(baseline or 0.0))

    def extrapolate(
        self,
        images: int,
        times: float = 1,
        row_bytes: float = 0.0,
        disk: float = 0.0,
        memory_limit: float = math.inf,
    ) -> PlanStage:
        """The stage at `images` crops, run `times` times.

        Args:
            images: number of crops.
            times: number of repetitions.
            row_bytes: minimum memory per additional crop.
            disk: bytes it leaves on disk.
            memory_limit: upper bound on its memory, in bytes.
        """
        seconds = fit_cost_model(self.sizes, self.seconds, self.power).predict(images)
        largest = max(self.sizes)
        base = max(self.baseline, default=0.0)
        added = [
            max(peak - before, _UNKNOWN_BYTES)
            for peak, before in zip(self.memory, self.baseline, strict=True)
        ]
        memory = base + fit_cost_model(self.sizes, added).predict(images)
        if self.quadratic_memory:
            memory = max(memory, base + fit_cost_model(self.sizes, self.quadratic_memory, 2).predict(images))
        memory = max(memory, max(self.memory) + row_bytes * (images - largest))
        return PlanStage(self.name, self.warmup + times * seconds, min(memory, memory_limit), disk)
