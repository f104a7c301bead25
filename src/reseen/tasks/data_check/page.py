"""The page of `reseen data check`: the report with histograms and sample crops of each camera."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reseen.data.decode import UnreadableError, decode, fit, quiet_pillow, read_bytes
from reseen.data.evaluation_table import EvaluationTable
from reseen.data.table import ImageSource, ImageTable
from reseen.pages import ClusterSheet, Figure, SheetGroup
from reseen.pages.album import evenly_spaced
from reseen.pages.axes import Chart
from reseen.pages.bar_charts import bars, histogram
from reseen.pages.data_page import CountRow, DataContent, Remark, write_data_page
from reseen.records import UNKNOWN_CAMERA
from reseen.tasks.data_check import DataReport, Finding, Inspection
from reseen.tasks.data_check.report import QUANTITIES


def data_charts(inspection: Inspection) -> list[Chart]:
    """Charts of cameras, sizes, and crops per person; those with a single value are omitted."""
    charts = []
    for name, split in inspection.report.splits.items():
        if len(split.cameras) > 1:
            charts.append(bars(f"Cameras in {name}", split.cameras, "crops"))
    sizes = [fact.size for fact in inspection.files.values() if fact.size]
    for title, values in (
        ("Height in pixels", [height for _, height in sizes]),
        ("Width in pixels", [width for width, _ in sizes]),
    ):
        if len(set(values)) > 1:
            charts.append(histogram(title, values, "crops", whole=True))
    for name, table in inspection.tables.items():
        if isinstance(table, EvaluationTable) and (table.identities > 0).any():
            counts = np.unique(table.identities[table.identities > 0], return_counts=True)[1]
            charts.append(histogram(f"Crops per person in {name}", counts.tolist(), "people", whole=True))
    return charts


_CROPS, _CAMERAS, _GROUPS = 15, 24, 8
"""Maximum number of crops per camera, cameras per split, and groups of duplicates on the page."""
_MAX_HEIGHT = 128
"""Maximum height of thumbnails, in pixels."""
_LINES = 50
"""Maximum number of items per finding."""


def write_check_page(path: Path, inspection: Inspection) -> None:
    """Write the page of a data check; it embeds thumbnails of crops.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    write_data_page(path, page_content(inspection))


def page_content(inspection: Inspection) -> DataContent:
    """The content of the page of a data check."""
    report = inspection.report
    facts = {"folder": _printable(report.root), "layout": report.layout}
    if report.variant and report.variant != "standard":
        facts["variant"] = report.variant
    if report.protocol:
        facts["scored by"] = f"protocol {report.protocol}"
    sizes = {size for split in report.splits.values() for size in split.sizes}
    if len(sizes) == 1:
        facts["size"] = f"{sizes.pop()} pixels (width x height), all crops"
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
        charts=data_charts(inspection),
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
        Figure("Cameras", f"{len(cameras):,}" if cameras else "–", "by name" if cameras else "unknown"),
    ]
    people = [
        set(np.unique(table.identities[table.identities > 0]).tolist())
        for table in inspection.tables.values()
        if isinstance(table, EvaluationTable)
    ]
    if people:
        figures.append(Figure("Identities", f"{len(set().union(*people)):,}", "without junk and distractors"))
    figures.append(Figure("Problems", f"{wrong:,}", f"and {look:,} to review"))
    return figures


def _rows(report: DataReport) -> list[CountRow]:
    rows = []
    for quantity in (*QUANTITIES, "cameras"):
        cells = []
        for name, split in report.splits.items():
            count = (
                len(split.cameras.keys() - {"unknown"}) if quantity == "cameras" else getattr(split, quantity)
            )
            published = report.published.get(name, {}).get(quantity)
            differs = published is not None and published != count
            cells.append(("" if count is None else f"{count:,}", f"{published:,}" if differs else ""))
        if any(count not in ("", "0") or published for count, published in cells):
            rows.append(CountRow(quantity, cells))
    unreadable = [(f"{len(split.unreadable):,}", "") for split in report.splits.values()]
    return [*rows, CountRow("unreadable", unreadable)]


def _remark(finding: Finding) -> Remark:
    hidden = len(finding.items) - _LINES
    items = [_printable(item) for item in finding.items[:_LINES]]
    return Remark(finding.verdict, finding.text, items, f"and {hidden:,} more" if hidden > 0 else "")


def _split_group(name: str, table: ImageTable, inspection: Inspection) -> SheetGroup:
    readable = np.array([not fact.problem for fact in inspection.facts[name]], dtype=bool)
    sheets, white = [], inspection.white_level
    numbers = [*range(len(table.camera_names)), UNKNOWN_CAMERA]
    present = [number for number in numbers if (readable & (table.cameras == number)).any()]
    for number in present[:_CAMERAS]:
        rows = np.flatnonzero(readable & (table.cameras == number)).tolist()
        title = "No camera" if number == UNKNOWN_CAMERA else f"Camera {table.camera_names[number]}"
        chosen = evenly_spaced(rows, _CROPS)
        note = f"{len(rows):,} crops" + (f", {len(chosen)} shown" if len(chosen) < len(rows) else "")
        sheets.append(_sheet(title, note, [(table.source(row), table.texts[row]) for row in chosen], white))
    more = f" {len(present) - _CAMERAS:,} more cameras are not shown." if len(present) > _CAMERAS else ""
    return SheetGroup(
        f"Split {name}", f"Crops of each camera, evenly spaced in the order of their paths.{more}", sheets
    )


def _same_bytes(inspection: Inspection) -> SheetGroup:
    """Groups of files with equal bytes: those with conflicting identities first, then those across splits."""
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
        f"Duplicate files, {len(sheets)} of {len(groups):,} groups; label errors first, then those across splits.",
        sheets,
    )


def _sheet(
    title: str, note: str, shown: Sequence[tuple[ImageSource, str]], white_level: float | None
) -> ClusterSheet:
    images, captions = [], []
    with quiet_pillow():
        for source, text in shown:
            try:
                pixels = decode(read_bytes(source), white_level)
            except UnreadableError:  # not an image, or deleted since the check
                continue
            height, width = pixels.shape[:2]
            if height > _MAX_HEIGHT:
                pixels = fit(pixels, _MAX_HEIGHT, max(1, round(width * _MAX_HEIGHT / height)))
            images.append(pixels)
            captions.append(_printable(text))
    return ClusterSheet(title, images, _printable(note), captions)


def _printable(text: str) -> str:
    """Text for a page; undecodable bytes of file names become question marks."""
    return text.encode("utf-8", "replace").decode()
