"""`reseen cache show` and `reseen cache clear`: the cache of decoded crops."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def show(
    *,
    cache_dir: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Show where decoded crops are cached and how much space they take.

    Parameters
    ----------
    cache_dir
        The cache folder; default: the standard location.
    as_json
        Print JSON: the folder, and of each entry what it holds, its bytes and when it was last used.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from reseen.data.pixel_cache import cache_folder, entries
    from reseen.text import printable

    console = Console(highlight=False)
    folder = cache_folder(cache_dir)
    cached = entries(folder)
    if as_json:
        listed = [{**entry.details, "bytes": entry.size_bytes, "used": entry.used} for entry in cached]
        print(json.dumps({"folder": str(folder), "entries": listed}, indent=1))
        return
    console.print(f"Cache of decoded crops: {folder}", markup=False, soft_wrap=True)
    if not cached:
        console.print("It is empty.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title, justify in (
        ("data", "left"),
        ("crops", "right"),
        ("height x width", "right"),
        ("size", "right"),
    ):
        table.add_column(title, justify=justify, overflow="fold")
    table.add_column("last used", justify="right")
    for entry in reversed(cached):
        details = entry.details
        table.add_row(
            Text(printable(details["root"])),
            f"{details['images']:,}",
            f"{details['height']} x {details['width']}",
            _size(entry.size_bytes),
            _ago(entry.used),
        )
    console.print(table)
    total = sum(entry.size_bytes for entry in cached)
    console.print(f"{len(cached)} {'entry' if len(cached) == 1 else 'entries'}, {_size(total)} in total")


def clear(*, cache_dir: Path | None = None) -> None:
    """Delete decoded crops; they are decoded again when needed.

    Parameters
    ----------
    cache_dir
        The cache folder; default: the standard location.
    """
    from rich.console import Console

    from reseen.data.pixel_cache import cache_folder
    from reseen.data.pixel_cache import clear as clear_folder

    folder = cache_folder(cache_dir)
    freed = clear_folder(folder)
    message = f"Freed {_size(freed)} in {folder}" if freed else f"Nothing to remove in {folder}"
    Console(highlight=False).print(message, markup=False, soft_wrap=True)


def _size(size_bytes: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size_bytes >= scale:
            return f"{size_bytes / scale:.1f} {unit}"
    return f"{size_bytes / 1e3:.0f} kB"


def _ago(timestamp: float) -> str:
    import time

    elapsed = max(0.0, time.time() - timestamp)
    for unit, seconds in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = int(elapsed // seconds)
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
