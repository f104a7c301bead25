"""Histograms of the data check: crops of each camera, sizes of crops, crops of each person.

The contact sheet of `reseen data check`: the report as a page, with some crops of each camera to look at.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reseen.data.decode import UnreadableError, decode, fit, quiet_pillow, read_bytes
from reseen.data.evaluation_table import EvaluationTable
from reseen.data.image_source import ImageSource
from reseen.data.table import ImageTable
from reseen.pages import ClusterSheet, Figure, SheetGroup
from reseen.pages.album import evenly_spaced
from reseen.pages.axes import Chart
from reseen.pages.bar_charts import bars, histogram
from reseen.pages.data_page import CountRow, DataContent, Remark, write_data_page
from reseen.records import UNKNOWN_CAMERA
from reseen.tasks.data_check import DataReport, Finding, Inspection
from reseen.tasks.data_check.report import QUANTITIES


def charts(inspection: Inspection) -> list[Chart]:
    """Charts that say something: none of cameras or sizes where all crops have the same."""
    found = []
    for name, split in inspection.report.splits.items():
        if len(split.cameras) > 1:
            found.append(bars(f"Cameras in {name}", split.cameras, "crops"))
    sizes = [fact.size for fact in inspection.files.values() if fact.size]
    for title, values in (
        ("Height in pixels", [height for _, height in sizes]),
        ("Width in pixels", [width for width, _ in sizes]),
    ):
        if len(set(values)) > 1:
            found.append(histogram(title, values, "crops", whole=True))
    for name, table in inspection.tables.items():
        if isinstance(table, EvaluationTable) and (table.identities > 0).any():
            counts = np.unique(table.identities[table.identities > 0], return_counts=True)[1]
            found.append(histogram(f"Crops of a person in {name}", counts.tolist(), "people", whole=True))
    return found


_CROPS, _CAMERAS, _GROUPS = 15, 24, 8
"""Crops in a row, rows of cameras in a split, and groups of files with the same bytes that are shown."""
_TALLEST = 128
_LINES = 50


def write_check_sheet(path: Path, inspection: Inspection) -> None:
    """Write the page; it holds small copies of the crops that it shows.

    Raises:
        StorageError: the disk is full or the place cannot be written.
    """
    write_data_page(path, sheet_content(inspection))


def sheet_content(inspection: Inspection) -> DataContent:
    """What is on the page."""
    report = inspection.report
    facts = {"folder": _printable(report.root), "layout": report.layout}
    if report.variant and report.variant != "standard":
        facts["variant"] = report.variant
    if report.protocol:
        facts["scored by"] = f"protocol {report.protocol}"
    sizes = {size for split in report.splits.values() for size in split.sizes}
    if len(sizes) == 1:
        facts["size"] = f"{sizes.pop()} pixels, width x height, all of them"
    if report.note:
        facts["note"] = report.note
    groups = [_split_group(name, table, inspection) for name, table in inspection.images.items()]
    same = _same_bytes(inspection)
    return DataContent(
        title=f"Data check: {_printable(Path(report.root).name)}",
        note=report.sentence + ("" if report.sentence.endswith(".") else "."),
        figures=_figures(inspection),
        splits=list(report.splits),
        rows=_rows(report),
        remarks=[_remark(finding) for finding in report.findings],
        charts=charts(inspection),
        groups=[*([same] if same.sheets else []), *groups],
        facts=facts,
    )


def _figures(inspection: Inspection) -> list[Figure]:
    report = inspection.report
    splits = report.splits.values()
    cameras = {camera for split in splits for camera in split.cameras} - {"unknown"}
    wrong = sum(finding.verdict == "wrong" for finding in report.findings)
    look = sum(finding.verdict == "look" for finding in report.findings)
    figures = [
        Figure("Crops", f"{len(inspection.files):,}", f"files in {len(report.splits)} splits"),
        Figure("Cameras", f"{len(cameras):,}" if cameras else "–", "by name" if cameras else "not known"),
    ]
    people = [
        set(np.unique(table.identities[table.identities > 0]).tolist())
        for table in inspection.tables.values()
        if isinstance(table, EvaluationTable)
    ]
    if people:
        figures.append(Figure("Identities", f"{len(set().union(*people)):,}", "without junk and distractors"))
    figures.append(Figure("Problems", f"{wrong:,}", f"that are wrong, and {look:,} to look at"))
    return figures


def _rows(report: DataReport) -> list[CountRow]:
    rows = []
    for quantity in (*QUANTITIES, "cameras"):
        cells = []
        for name, split in report.splits.items():
            here = (
                len(split.cameras.keys() - {"unknown"}) if quantity == "cameras" else getattr(split, quantity)
            )
            published = report.published.get(name, {}).get(quantity)
            differs = published is not None and published != here
            cells.append(("" if here is None else f"{here:,}", f"{published:,}" if differs else ""))
        if any(here not in ("", "0") or published for here, published in cells):
            rows.append(CountRow(quantity, cells))
    unreadable = [(f"{len(split.unreadable):,}", "") for split in report.splits.values()]
    return [*rows, CountRow("unreadable", unreadable)]


def _remark(finding: Finding) -> Remark:
    left = len(finding.items) - _LINES
    items = [_printable(item) for item in finding.items[:_LINES]]
    return Remark(finding.verdict, finding.text, items, f"and {left:,} more" if left > 0 else "")


def _split_group(name: str, table: ImageTable, inspection: Inspection) -> SheetGroup:
    readable = np.array([not fact.problem for fact in inspection.facts[name]], dtype=bool)
    sheets, white = [], inspection.white_level
    numbers = [*range(len(table.camera_names)), UNKNOWN_CAMERA]
    held = [number for number in numbers if (readable & (table.cameras == number)).any()]
    for number in held[:_CAMERAS]:
        rows = np.flatnonzero(readable & (table.cameras == number)).tolist()
        title = "No camera" if number == UNKNOWN_CAMERA else f"Camera {table.camera_names[number]}"
        chosen = evenly_spaced(rows, _CROPS)
        note = f"{len(rows):,} crops" + (f", {len(chosen)} shown" if len(chosen) < len(rows) else "")
        sheets.append(_sheet(title, note, [(table.source(row), table.texts[row]) for row in chosen], white))
    more = f" {len(held) - _CAMERAS:,} more cameras are not shown." if len(held) > _CAMERAS else ""
    return SheetGroup(
        f"Split {name}", f"Crops of each camera, evenly over the split in order of their paths.{more}", sheets
    )


def _same_bytes(inspection: Inspection) -> SheetGroup:
    """Groups of files with the same bytes: those under several identities first, then those that cross splits."""
    sources = {
        f"{name}: {table.paths[row]}": table.source(row)
        for name, table in inspection.images.items()
        for row in range(len(table))
    }
    conflicts = inspection.report.label_conflicts
    crossing = sorted(
        inspection.report.duplicates, key=lambda group: -len({path.partition(": ")[0] for path in group})
    )
    groups = [*conflicts, *crossing]
    sheets = [
        _sheet(
            f"{len(group)} files" + (", under different identities" if group in conflicts else ""),
            " = ".join(group[:3]) + (" = ..." if len(group) > 3 else ""),
            [(sources[path], path) for path in group[:_CROPS]],
            inspection.white_level,
        )
        for group in groups[:_GROUPS]
    ]
    return SheetGroup(
        "Same bytes",
        f"Files that do not differ, {len(sheets)} of {len(groups):,} groups; label errors first, then those in two "
        "splits.",
        sheets,
    )


def _sheet(
    title: str, note: str, shown: Sequence[tuple[ImageSource, str]], white_level: float | None
) -> ClusterSheet:
    images, words = [], []
    with quiet_pillow():
        for source, text in shown:
            try:
                pixels = decode(read_bytes(source), white_level)
            except UnreadableError:  # gone since it was looked at, or never an image
                continue
            height, width = pixels.shape[:2]
            if height > _TALLEST:
                pixels = fit(pixels, _TALLEST, max(1, round(width * _TALLEST / height)))
            images.append(pixels)
            words.append(_printable(text))
    return ClusterSheet(title, images, _printable(note), words)


def _printable(text: str) -> str:
    """Text for a page; bytes in a file name that are no text become question marks."""
    return text.encode("utf-8", "replace").decode()
