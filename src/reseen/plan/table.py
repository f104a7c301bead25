"""A plan as a table."""

import shutil
from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from reseen.engine.console import duration
from reseen.engine.environment import memory_gigabytes
from reseen.plan.estimate import Estimate

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
