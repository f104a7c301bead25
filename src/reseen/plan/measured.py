"""Stages, timed at several sizes and told for another."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from reseen.engine.allocation import return_memory
from reseen.engine.memory import MemoryWatch, own_bytes
from reseen.plan.estimate import Stage
from reseen.plan.growth import fit_growth

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
    ) -> Stage:
        """The stage at another size, `times` times over.

        Args:
            images: the size.
            times: how often it is done.
            row_bytes: bytes of memory that every crop takes at least.
            disk: bytes that it leaves on disk.
            most_memory: bytes of memory that it keeps below.
        """
        seconds = fit_growth(self.sizes, self.seconds, self.power).at(images)
        largest = max(self.sizes)
        held = max(self.held, default=0.0)
        added = [max(peak - before, _UNKNOWN) for peak, before in zip(self.memory, self.held, strict=True)]
        grown = held + fit_growth(self.sizes, added).at(images)
        if self.squared:
            grown = max(grown, held + fit_growth(self.sizes, self.squared, 2).at(images))
        least = max(self.memory) + row_bytes * (images - largest)
        return Stage(self.name, self.warming + times * seconds, min(max(grown, least), most_memory), disk)
