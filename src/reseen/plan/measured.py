"""Stages, timed at several sizes and told for another."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from reseen.plan.estimate import Stage
from reseen.plan.growth import fit_growth
from reseen.plan.private_memory import PrivatePeak

_LEAST = 1e-6
"""Seconds that anything takes."""


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
        with PrivatePeak() as peak:
            began = time.perf_counter()
            yield
            seconds = time.perf_counter() - began
        self.sizes.append(images)
        self.seconds.append(max(seconds / times, _LEAST))
        self.memory.append(peak.bytes)

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
