"""Stages, timed at several sizes and told for another."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from reseen.engine.memory import MemoryWatch
from reseen.plan.estimate import Stage
from reseen.plan.growth import fit_growth

_LEAST_SECONDS = 1e-6
_UNKNOWN = 1.0
"""Bytes, where the system does not tell (it is Linux that does)."""


@dataclass
class Measured:
    """What one stage took at several sizes."""

    name: str
    square: bool = False
    """Whether a part of it may grow with the square of the number of crops."""
    sizes: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    @contextmanager
    def at(self, images: int, times: int = 1) -> Iterator[None]:
        """Time a block, which does the stage at so many crops `times` times over."""
        with MemoryWatch() as watch:
            yield
            watch.finish(self.name)
        found = watch.stages[self.name]
        self.sizes.append(images)
        self.seconds.append(max(found.seconds / times, _LEAST_SECONDS))
        self.memory.append(float(found.peak_bytes or _UNKNOWN))

    def stage(self, images: int, times: float = 1, row_bytes: float = 0.0, disk: float = 0.0) -> Stage:
        """The stage at another size, `times` times over.

        Args:
            images: the size.
            times: how often it is done.
            row_bytes: bytes of memory that every crop takes at least.
            disk: bytes that it leaves on disk.
        """
        seconds = fit_growth(self.sizes, self.seconds, square=self.square).at(images)
        largest = max(self.sizes)
        grown = fit_growth(self.sizes, self.memory).at(images)
        least = max(self.memory) + row_bytes * (images - largest)
        return Stage(self.name, times * seconds, max(grown, least), disk)
