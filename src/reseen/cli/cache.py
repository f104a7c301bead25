"""`reseen cache show` and `reseen cache clear`: the caches of decoded crops and of features."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


def show(
    *,
    cache_dir: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Show where decoded crops and features are cached and how much space they take.

    Parameters
    ----------
    cache_dir
        The cache folder; default: the standard location.
    as_json
        Print JSON: the folders, and of each entry what it holds, its bytes and when it was last used.
    """
    from rich.console import Console
    from rich.text import Text

    from reseen.data.pixel_cache import cache_folder, entries
    from reseen.features.feature_entries import feature_entries, feature_folder
    from reseen.text import printable

    pixels, features = cache_folder(cache_dir), feature_folder(cache_dir)
    decoded, embedded = entries(pixels), feature_entries(features)
    if as_json:
        listed = [{**entry.details, "bytes": entry.size_bytes, "used": entry.used} for entry in decoded]
        of_features = [
            {**one.entry.details, "crops": one.crops, "bytes": one.entry.size_bytes, "used": one.entry.used}
            for one in embedded
        ]
        folders = {"folder": str(pixels), "entries": listed}
        print(
            json.dumps({**folders, "features": {"folder": str(features), "entries": of_features}}, indent=1)
        )
        return
    console = Console(highlight=False)
    console.print(f"Cache of decoded crops: {pixels}", markup=False, soft_wrap=True)
    rows = [
        (
            Text(printable(entry.details["root"])),
            f"{entry.details['images']:,}",
            f"{entry.details['height']} x {entry.details['width']}",
            _size(entry.size_bytes),
            _ago(entry.used),
        )
        for entry in reversed(decoded)
    ]
    total = sum(entry.size_bytes for entry in decoded)
    _print_entries(console, ("data", "crops", "height x width", "size", "last used"), rows, total)
    console.print(f"Cache of features: {features}", markup=False, soft_wrap=True)
    rows = [
        (
            Text(printable(one.entry.details["root"])),
            Text(printable(str(one.entry.details.get("run", "")))),
            f"{one.crops:,}",
            _size(one.entry.size_bytes),
            _ago(one.entry.used),
        )
        for one in reversed(embedded)
    ]
    total = sum(one.entry.size_bytes for one in embedded)
    _print_entries(console, ("data", "run", "crops", "size", "last used"), rows, total)


def _print_entries(
    console: "Console", titles: Sequence[str], rows: Sequence[Sequence["str | Text"]], total_bytes: int
) -> None:
    from rich import box
    from rich.table import Table

    if not rows:
        console.print("It is empty.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in titles:
        named = title in ("data", "run")
        table.add_column(
            title, justify="left" if named else "right", overflow="fold" if named else "ellipsis"
        )
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print(f"{len(rows)} {'entry' if len(rows) == 1 else 'entries'}, {_size(total_bytes)} in total")


def clear(*, cache_dir: Path | None = None) -> None:
    """Delete decoded crops and features; crops are decoded and embedded again when needed.

    Parameters
    ----------
    cache_dir
        The cache folder; default: the standard location.
    """
    from rich.console import Console

    from reseen.data.pixel_cache import cache_folder
    from reseen.data.pixel_cache import clear as clear_folder
    from reseen.features.feature_entries import feature_folder

    for folder in (cache_folder(cache_dir), feature_folder(cache_dir)):
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
