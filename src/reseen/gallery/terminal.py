"""Search results in a terminal: a table and, if colors are supported, thumbnails drawn with half blocks."""

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
"""Pixels of a drawn crop; a character shows two pixels, one above the other."""
_SHOWN = 12
"""Rows of `entry_table` at most."""


def result_table(results: SearchResults) -> Group:
    """A ranked table of matches; empty columns are omitted."""
    matches = results.matches
    title = Text(f"Most similar to {printable(results.title)}", "bold")
    if not matches:
        return Group(title, Text("No crop in the gallery matches the filter."))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    columns = [
        ("", [str(rank) for rank in range(1, len(matches) + 1)]),
        ("similarity", [f"{match.similarity:.3f}" for match in matches]),
        ("same person", ["" if m.probability is None else f"{m.probability:.0%}" for m in matches]),
        ("person", list(results.people) or [""] * len(matches)),
        ("camera", [match.entry.camera or "" for match in matches]),
        ("time", [format_timestamp(match.entry.time) for match in matches]),
        ("cluster", [_cluster(match.entry) for match in matches]),
        ("crops", [str(match.frames) if match.frames > 1 else "" for match in matches]),
        ("image", [match.entry.image for match in matches]),
    ]
    nonempty = [(name, values) for name, values in columns if name == "image" or any(values)]
    for name, _ in nonempty:
        table.add_column(
            name, justify="left" if name in ("person", "camera", "image") else "right", overflow="fold"
        )
    for row in zip(*(values for _, values in nonempty), strict=True):
        table.add_row(*(Text(printable(cell)) for cell in row))
    return Group(title, table)


def entry_table(entries: Sequence[Entry]) -> Table:
    """A table of the first entries, captioned by how many more there are."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("image", "camera", "time", "cluster"):
        table.add_column(name, overflow="fold")
    for entry in entries[:_SHOWN]:
        row = (entry.image, entry.camera or "", format_timestamp(entry.time), _cluster(entry))
        table.add_row(*(Text(printable(cell)) for cell in row))
    if len(entries) > _SHOWN:
        table.caption = f"and {len(entries) - _SHOWN:,} more"
    return table


def thumbnail_row(console: Console, results: SearchResults) -> Text | None:
    """Query and first matches side by side; None unless the output is a UTF-8 terminal with 256 or more colors."""
    drawable = console.is_terminal and console.encoding.startswith("utf")
    if not drawable or console.color_system not in ("truecolor", "256"):
        return None
    crops = [_shrunk(results.pictures[0]), *(_shrunk(match.entry.thumbnail) for match in results.matches)]
    shown = crops[: max(1, console.width // (_WIDTH + 1))]
    if all(crop is None for crop in shown):
        return None
    blank = np.zeros((_HEIGHT, _WIDTH, 3), dtype=np.uint8)
    text = Text()
    for line in range(0, _HEIGHT, 2):
        for column, crop in enumerate(shown):
            pixels = blank if crop is None else crop
            for x in range(_WIDTH):
                above, below = (f"#{r:02x}{g:02x}{b:02x}" for r, g, b in pixels[line : line + 2, x].tolist())
                text.append("▀", Style(color=above, bgcolor=below))
            text.append("  " if column == 0 else " ")
        text.append("\n")
    return text


def _cluster(entry: Entry) -> str:
    return "" if entry.cluster is None else "none" if entry.cluster < 0 else str(entry.cluster)


def _shrunk(content: bytes) -> UInt8[np.ndarray, "h w 3"] | None:
    try:
        with quiet_pillow():
            return fit(decode(content), _HEIGHT, _WIDTH) if content else None
    except UnreadableError:
        return None
