"""`reseen data check`: what a data set holds, and what is wrong with it."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console

    from reseen.data.check import DataReport, SplitReport

_SHOWN = 5
_SHOWN_SIZES = 3


def check(
    directory: Path,
    *,
    layout: Literal["auto", "market1501", "folder", "manifest"] = "auto",
    camera_pattern: str | None = None,
    json: Path | None = None,
) -> None:
    """Look over a data set before training on it.

    Reads every file once; shows the layout, crops and cameras of each split, sizes, unreadable files, exact
    duplicates, and people in two splits where the layout knows who is who.

    Parameters
    ----------
    directory
        Folder of crops, or a .csv or .parquet manifest.
    layout
        How the data lies on disk; auto looks.
    camera_pattern
        Where a bare folder's paths name the camera: '{camera}/{*}' or '{camera}_{*}.jpg'.
    json
        Write the report to this file too.
    """
    from json import dumps

    from rich.console import Console

    from reseen.data.check import check_data
    from reseen.files import write_text

    report = check_data(directory, layout, camera_pattern)
    console = Console(highlight=False)
    console.print(_clean(report.sentence), markup=False)
    console.print(report.root, style="dim", markup=False, soft_wrap=True)
    console.print()
    console.print(_table(report))
    console.print()
    _print_findings(console, report)
    if json is not None:
        write_text(json, dumps(report.to_dict(), indent=2) + "\n")
        console.print(f"\nReport written to {json}", markup=False, soft_wrap=True)


def _table(report: "DataReport") -> object:
    """One column per split; counts that differ from the published ones carry those in brackets."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for name in report.splits:
        table.add_column(name, justify="right")
    splits = report.splits
    for quantity in ("images", "people", "junk", "distractors"):
        values = {name: getattr(split, quantity) for name, split in splits.items()}
        if any(value is not None for value in values.values()):
            published = {name: report.published.get(name, {}).get(quantity) for name in splits}
            table.add_row(quantity, *(_count(values[name], published[name]) for name in splits))
    table.add_row("unreadable", *(f"{len(split.unreadable):,}" for split in splits.values()))
    table.add_section()
    for camera in dict.fromkeys(camera for split in splits.values() for camera in split.cameras):
        counts = [split.cameras.get(camera, 0) for split in splits.values()]
        label = "no camera" if camera == "unknown" else f"camera {_clean(camera)}"
        table.add_row(
            label, *(_share(count, split) for count, split in zip(counts, splits.values(), strict=True))
        )
    table.add_section()
    for place in range(max(min(_SHOWN_SIZES, len(split.sizes)) for split in splits.values())):
        table.add_row("" if place else "width x height", *(_size(split, place) for split in splits.values()))
    hidden = [max(0, len(split.sizes) - _SHOWN_SIZES) for split in splits.values()]
    if any(hidden):
        table.add_row("", *(f"{count:,} more sizes" if count else "" for count in hidden))
    return table


def _print_findings(console: "Console", report: "DataReport") -> None:
    unreadable = [
        f"{path}: {reason}" for split in report.splits.values() for path, reason in split.unreadable.items()
    ]
    across = sum(len({path.partition(": ")[0] for path in group}) > 1 for group in report.duplicates)
    groups = [" = ".join(group[:3]) + (" = ..." if len(group) > 3 else "") for group in report.duplicates]
    _finding(console, "unreadable files", unreadable)
    _finding(console, f"groups of files with the same bytes, {across:,} of them across splits", groups)
    for pair, count in report.shared_people.items():
        expected = pair == "query and gallery"
        mark = "[green]✓[/]" if expected or not count else "[yellow]![/]"
        said = " (as it should be: queries look for them)" if expected and count else ""
        console.print(f"{mark} {count:,} people in both {pair}{said}")
    if report.published:
        same = all(
            getattr(report.splits.get(name), quantity, None) == value
            for name, counts in report.published.items()
            for quantity, value in counts.items()
        )
        said = "is" if same else "is not"
        console.print(f"{'[green]✓[/]' if same else '[dim]-[/]'} this {said} Market-1501 as published")


def _finding(console: "Console", what: str, items: list[str]) -> None:
    if not items:
        console.print(f"[green]✓[/] no {what.partition(',')[0]}")
        return
    console.print(f"[yellow]![/] {len(items):,} {what}")
    for item in items[:_SHOWN]:
        console.print(f"    {_clean(item)}", markup=False, soft_wrap=True)
    if len(items) > _SHOWN:
        console.print(f"    and {len(items) - _SHOWN:,} more (--json FILE lists all)")


def _count(value: int | None, published: int | None) -> str:
    if value is None:
        return ""
    return f"{value:,}" if published in (None, value) else f"{value:,} [dim]({published:,})[/]"


def _share(count: int, split: "SplitReport") -> str:
    return f"{count:,} [dim]{count / split.images:4.0%}[/]" if count else "[dim]-[/]"


def _size(split: "SplitReport", place: int) -> str:
    sizes = list(split.sizes.items())
    if place >= min(_SHOWN_SIZES, len(sizes)):
        return ""
    size, count = sizes[place]
    return size if len(sizes) == 1 else f"{size} [dim]{count / split.images:4.0%}[/]"


def _clean(text: str) -> str:
    """Text that any terminal can print; file names may hold bytes that are no text."""
    return "".join(
        letter if letter.isprintable() else "?" for letter in text.encode("utf-8", "replace").decode()
    )
