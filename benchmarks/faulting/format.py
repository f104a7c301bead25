"""What a format is: files to start from, how their values are replaced, and what reads them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faulting.structures import Restructure


@dataclass(frozen=True)
class Format:
    """Files of a kind."""

    name: str
    file: str
    """What a mutated file is called."""
    seeds: list[bytes]
    """Good ones."""
    readers: list[Callable[[Path], object]]
    """What reads them; each must take a file or refuse it with an error of reseen's own."""
    structure: Restructure | None = None
    """Replaces values; None where the format has none that stand for themselves."""
