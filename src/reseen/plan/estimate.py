"""Estimates of work by stage, and their rendering as a table."""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from reseen.data.progress import duration
from reseen.environment import memory_gigabytes


@dataclass(frozen=True)
class PlanStage:
    """Estimated cost of one stage of the work."""

    name: str
    seconds: float
    memory: float = 0.0
    """Peak private memory of the process, in bytes, without the page cache of the operating system."""
    disk: float = 0.0
    """Bytes left on disk."""


@dataclass(frozen=True)
class Estimate:
    """Estimated time, memory and disk space of some work, by stage.

    Example:
        >>> estimate = reseen.plan_embedding(recipe, images=1_000_000)
        >>> print(f"{estimate.seconds / 3600:.1f} h, {estimate.disk / 1e9:.1f} GB on disk")
    """

    work: str
    """`train`, `embed`, `cluster` or `index`."""
    images: int
    stages: tuple[PlanStage, ...]
    """Stages, in order."""
    notes: tuple[str, ...] = ()
    """What the estimate is based on."""
    noun: str = "crops"
    """What `images` counts: crops or vectors."""

    @property
    def seconds(self) -> float:
        """Total time of all stages."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def memory(self) -> float:
        """Peak memory of all stages, in bytes."""
        return max(stage.memory for stage in self.stages)

    @property
    def disk(self) -> float:
        """Total bytes left on disk."""
        return sum(stage.disk for stage in self.stages)

    def to_json(self) -> dict[str, Any]:
        """A JSON-serializable dictionary with all stages and the totals."""
        totals = {"seconds": self.seconds, "memory": self.memory, "disk": self.disk}
        return {"work": self.work, "images": self.images, **totals} | {
            "stages": [asdict(stage) for stage in self.stages],
            "notes": list(self.notes),
        }


_GIGABYTE = 1e9


def plan_table(estimate: Estimate) -> Group:
    """Table of stages and totals, with warnings if this machine has too little memory or disk space."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("stage")
    for name in ("time", "memory", "disk"):
        table.add_column(name, justify="right")
    for stage in estimate.stages:
        table.add_row(stage.name, _time(stage.seconds), _bytes(stage.memory), _bytes(stage.disk))
    table.add_section()
    total = (_time(estimate.seconds), _bytes(estimate.memory), _bytes(estimate.disk))
    table.add_row("total", *total, style="bold")
    title = f"{estimate.work} {estimate.images:,} {estimate.noun} on this machine"
    notes = [Text(note, style="dim") for note in estimate.notes]
    return Group(Text(title, style="bold"), table, *notes, *_warnings(estimate))


def _warnings(estimate: Estimate) -> list[Text]:
    warnings = []
    memory, free = memory_gigabytes() * _GIGABYTE, shutil.disk_usage(Path.cwd()).free
    if estimate.memory > 0.9 * memory:
        warnings.append(
            f"needs about {_bytes(estimate.memory)} of memory, but this machine has {_bytes(memory)}; use fewer "
            f"{estimate.noun} or a larger machine"
        )
    if estimate.disk > 0.9 * free:
        warnings.append(
            f"needs about {_bytes(estimate.disk)} of disk space, but {_bytes(free)} are free; free some space first"
        )
    return [Text(text, style="yellow") for text in warnings]


def _time(seconds: float) -> str:
    return "under 1 s" if seconds < 1 else duration(seconds)


def _bytes(count: float) -> str:
    if count < 1e6:
        return "" if count <= 0 else "under 1 MB"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
