"""SearchResults in a terminal: a table, and crops drawn with half blocks where there are colors for them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from rich import box
from rich.console import Console, Group
from rich.style import Style
from rich.table import Table
from rich.text import Text

from reseen.data.decode import UnreadableError, decode, fit, quiet_pillow
from reseen.gallery.entries import Entry
from reseen.gallery.filter import format_timestamp
from reseen.gallery.search_results import SearchResults
from reseen.text import printable

_WIDTH, _HEIGHT = 12, 24
"""Pixels of a crop; one character shows two, one above the other."""
_SHOWN = 12
"""Entries in a table of what would be forgotten."""


def result_table(answers: SearchResults) -> Group:
    """Ranks with all that is known; columns in which nothing is known are left out."""
    matches = answers.matches
    title = Text(f"Most like {printable(answers.title)}", "bold")
    if not matches:
        return Group(title, Text("Nothing in the gallery fits these conditions."))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    columns = [
        ("", [str(rank) for rank in range(1, len(matches) + 1)]),
        ("similarity", [f"{match.similarity:.3f}" for match in matches]),
        ("same person", ["" if m.probability is None else f"{m.probability:.0%}" for m in matches]),
        ("camera", [match.entry.camera or "" for match in matches]),
        ("time", [format_timestamp(match.entry.time) for match in matches]),
        ("cluster", [_cluster(match.entry) for match in matches]),
        ("crops", [str(match.frames) if match.frames > 1 else "" for match in matches]),
        ("image", [match.entry.image for match in matches]),
    ]
    kept = [(name, values) for name, values in columns if name == "image" or any(values)]
    for name, _ in kept:
        table.add_column(name, justify="left" if name in ("camera", "image") else "right", overflow="fold")
    for row in zip(*(values for _, values in kept), strict=True):
        table.add_row(*(Text(printable(cell)) for cell in row))
    return Group(title, table)


def entry_table(entries: Sequence[Entry]) -> Table:
    """The first few entries, and how many more there are."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("image", "camera", "time", "cluster"):
        table.add_column(name, overflow="fold")
    for entry in entries[:_SHOWN]:
        row = (entry.image, entry.camera or "", format_timestamp(entry.time), _cluster(entry))
        table.add_row(*(Text(printable(cell)) for cell in row))
    if len(entries) > _SHOWN:
        table.caption = f"and {len(entries) - _SHOWN:,} more"
    return table


def thumbnail_row(console: Console, answers: SearchResults) -> Text | None:
    """The query and its first answers side by side; None where there is no terminal, or none with enough colors."""
    drawable = console.is_terminal and console.encoding.startswith("utf")
    if not drawable or console.color_system not in ("truecolor", "256"):
        return None
    crops = [_small(answers.pictures[0]), *(_small(match.entry.thumbnail) for match in answers.matches)]
    shown = crops[: max(1, console.width // (_WIDTH + 1))]
    if all(crop is None for crop in shown):
        return None
    blank = np.zeros((_HEIGHT, _WIDTH, 3), dtype=np.uint8)
    text = Text()
    for line in range(0, _HEIGHT, 2):
        for place, crop in enumerate(shown):
            pixels = blank if crop is None else crop
            for column in range(_WIDTH):
                above, below = (
                    f"#{r:02x}{g:02x}{b:02x}" for r, g, b in pixels[line : line + 2, column].tolist()
                )
                text.append("▀", Style(color=above, bgcolor=below))
            text.append("  " if place == 0 else " ")
        text.append("\n")
    return text


def _cluster(entry: Entry) -> str:
    return "" if entry.cluster is None else "none" if entry.cluster < 0 else str(entry.cluster)


def _small(content: bytes) -> UInt8[np.ndarray, "h w 3"] | None:
    try:
        with quiet_pillow():
            return fit(decode(content), _HEIGHT, _WIDTH) if content else None
    except UnreadableError:
        return None
