"""What a plan says.

A plan as a table.
"""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from reseen.environment import memory_gigabytes
from reseen.runs.console import duration


@dataclass(frozen=True)
class PlanStage:
    """One part of the work."""

    name: str
    seconds: float
    memory: float = 0.0
    """Bytes of memory of its own that the process needs meanwhile; the system may use more to keep files near."""
    disk: float = 0.0
    """Bytes that it leaves on disk."""


@dataclass(frozen=True)
class Estimate:
    """Time, memory and disk of some work, stage by stage."""

    work: str
    """`train`, `embed`, `cluster` or `index`."""
    images: int
    stages: tuple[PlanStage, ...]
    notes: tuple[str, ...] = ()
    """What the figures rest on."""
    noun: str = "crops"
    """What is counted."""

    @property
    def seconds(self) -> float:
        """Of all stages, one after the other."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def memory(self) -> float:
        """Bytes: the most that any stage needs."""
        return max(stage.memory for stage in self.stages)

    @property
    def disk(self) -> float:
        """Bytes left on disk when all is done."""
        return sum(stage.disk for stage in self.stages)

    def to_json(self) -> dict[str, Any]:
        """Everything, with the totals."""
        totals = {"seconds": self.seconds, "memory": self.memory, "disk": self.disk}
        return {"work": self.work, "images": self.images, **totals} | {
            "stages": [asdict(stage) for stage in self.stages],
            "notes": list(self.notes),
        }


_GIGABYTE = 1e9


def plan_table(found: Estimate) -> Group:
    """Stages, totals, and a warning where this machine has less memory or disk."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("stage")
    for name in ("time", "memory", "disk"):
        table.add_column(name, justify="right")
    for stage in found.stages:
        table.add_row(stage.name, _time(stage.seconds), _bytes(stage.memory), _bytes(stage.disk))
    table.add_section()
    total = (_time(found.seconds), _bytes(found.memory), _bytes(found.disk))
    table.add_row("in all", *total, style="bold")
    title = f"{found.work} {found.images:,} {found.noun} on this machine"
    notes = [Text(note, style="dim") for note in found.notes]
    return Group(Text(title, style="bold"), table, *notes, *_warnings(found))


def _warnings(found: Estimate) -> list[Text]:
    warnings = []
    memory, free = memory_gigabytes() * _GIGABYTE, shutil.disk_usage(Path.cwd()).free
    if found.memory > 0.9 * memory:
        warnings.append(
            f"needs about {_bytes(found.memory)} of memory, and this machine has {_bytes(memory)}; take fewer "
            f"{found.noun}, or a larger machine"
        )
    if found.disk > 0.9 * free:
        warnings.append(
            f"leaves about {_bytes(found.disk)} on disk, and {_bytes(free)} are free here; make room first"
        )
    return [Text(text, style="yellow") for text in warnings]


def _time(seconds: float) -> str:
    return "under 1 s" if seconds < 1 else duration(seconds)


def _bytes(count: float) -> str:
    if count < 1e6:
        return "" if count <= 0 else "under 1 MB"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
