"""`reseen data check`: the contents of a data set and its problems."""

from pathlib import Path
from typing import TYPE_CHECKING

from reseen.text import printable

if TYPE_CHECKING:
    from rich.console import Console

    from reseen.tasks.data_check import DataReport, SplitReport

_SHOWN = 5
_SHOWN_SIZES = 3
_MARKS = {"fine": "[green]✓[/]", "look": "[yellow]![/]", "wrong": "[red]✗[/]"}


def check(
    directory: Path,
    *,
    layout: str = "auto",
    variant: str | None = None,
    camera_pattern: str | None = None,
    identity_pattern: str | None = None,
    white_level: float | None = None,
    json: Path | None = None,
    html: Path | None = None,
) -> None:
    """Check a data set before training on it.

    Reads every file once; shows the layout, crops and cameras of each split next to the published counts, sizes,
    unreadable files, ignored files, exact duplicates, label errors, people in two splits and splits that look swapped.

    Parameters
    ----------
    directory
        A folder of crops or shards, a shard, or a .csv or .parquet manifest.
    layout
        Layout on disk; auto detects it. `reseen data fetch` lists the layouts.
    variant
        Variant of the benchmark (split, boxes or test size); default: its first.
    camera_pattern
        Where paths name the camera: '{camera}/{*}' or '{camera}_{*}.jpg'; relative to train, query and gallery where
        these folders exist.
    identity_pattern
        Where paths below query and gallery name the person: '{identity}/{*}'.
    white_level
        White level of images with more than 8 bits; default: 65535 for integers, 1 for floats.
    json
        Also write the report to this JSON file.
    html
        Also write an HTML report with histograms and sample crops of each camera; it embeds thumbnails of crops.
    """
    from json import dumps

    from rich.console import Console

    from reseen.files import check_outputs, write_text
    from reseen.tasks.data_check import inspect_data

    check_outputs(json, html)
    inspection = inspect_data(
        directory,
        layout,
        camera_pattern,
        variant=variant,
        identity_pattern=identity_pattern,
        white_level=white_level,
    )
    report = inspection.report
    console = Console(highlight=False)
    console.print(printable(report.sentence), markup=False)
    console.print(report.root, style="dim", markup=False, soft_wrap=True)
    console.print()
    console.print(_table(report))
    console.print()
    _print_findings(console, report)
    if report.note and report.note not in report.sentence:
        console.print(f"\n{report.note}", style="dim", markup=False)
    if json is not None:
        write_text(json, dumps(report.to_dict(), indent=2) + "\n")
        console.print(f"\nReport written to {json}", markup=False, soft_wrap=True)
    if html is not None:
        from reseen.tasks.data_check.page import write_check_page

        write_check_page(html, inspection)
        console.print(f"\nPage written to {html}", markup=False, soft_wrap=True)


def _table(report: "DataReport") -> object:
    """One column per split; counts that differ from the published ones carry those in brackets."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from reseen.tasks.data_check.report import QUANTITIES

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for name in report.splits:
        table.add_column(name, justify="right")
    splits = report.splits
    for quantity in QUANTITIES:
        values = {name: getattr(split, quantity) for name, split in splits.items()}
        published = {name: report.published.get(name, {}).get(quantity) for name in splits}
        if quantity in ("junk", "distractors") and not any(values.values()) and not any(published.values()):
            continue
        if any(value is not None for value in values.values()):
            table.add_row(quantity, *(_count(values[name], published[name]) for name in splits))
    table.add_row("unreadable", *(f"{len(split.unreadable):,}" for split in splits.values()))
    table.add_section()
    for camera in dict.fromkeys(camera for split in splits.values() for camera in split.cameras):
        counts = [split.cameras.get(camera, 0) for split in splits.values()]
        label = "no camera" if camera == "unknown" else f"camera {escape(printable(camera))}"
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
    from rich.markup import escape

    for finding in report.findings:
        console.print(f"{_MARKS[finding.verdict]} {escape(printable(finding.text))}")
        for item in finding.items[:_SHOWN]:
            console.print(f"    {printable(item)}", markup=False, soft_wrap=True)
        if len(finding.items) > _SHOWN:
            console.print(f"    and {len(finding.items) - _SHOWN:,} more (--json FILE lists all)")


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
