"""What a speed case is: a name, a goal in words, and a function that measures."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from reseen.runs.process_memory import kept_memory


@dataclass(frozen=True)
class Options:
    """How a case is asked to run."""

    repeat: int = 3
    """Timed runs; the median counts. One more run before them is not timed."""
    quick: bool = False
    """Small sizes, to see that a case works; goals are not judged."""


@dataclass(frozen=True)
class Case:
    """One row of the speed table, or a few.

    `run` gives a mapping with `rows`, each made by `row`; it runs in a process of its own.
    """

    name: str
    goal: str
    run: Callable[[Options], dict[str, Any]]


def row(
    what: str,
    seconds: list[float],
    *,
    against: str,
    against_seconds: list[float],
    limit: str,
    goal_met: bool | None = None,
    note: str = "",
) -> dict[str, Any]:
    """One measurement: medians, their ratio to an alternative in the same run, and the physical limit."""
    median, other = statistics.median(seconds), statistics.median(against_seconds)
    return {
        "what": what,
        "seconds": median,
        "all_seconds": seconds,
        "against": against,
        "against_seconds": other,
        "against_all_seconds": against_seconds,
        "ratio": median / other,
        "limit": limit,
        "goal_met": goal_met,
        "note": note,
    }


def _wait_for_device() -> None:
    """A GPU works on after a call returns: time whole work, not its launch."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def kept(work: Callable[[], Any]) -> Callable[[], None]:
    """The work with freed memory kept for the next step, as in the training loop."""

    def inside() -> None:
        with kept_memory():
            work()

    return inside


def timed(repeat: int, *functions: Callable[[], Any]) -> list[list[float]]:
    """Seconds of `repeat` calls of each function, taken in turns so that a busy machine slows all alike."""
    for function in functions:
        function()
    seconds: list[list[float]] = [[] for _ in functions]
    for _ in range(repeat):
        for spent, function in zip(seconds, functions, strict=True):
            _wait_for_device()
            began = time.perf_counter()
            function()
            _wait_for_device()
            spent.append(time.perf_counter() - began)
    return seconds
