"""The contact sheet of a folder of crops: an HTML file with counts, notes and sample tracklets of every camera."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reseen.data.decode import UnreadableError, decode, fit, read_bytes
from reseen.data.table import ImageSource
from reseen.pages.album import evenly_spaced
from reseen.pages.cluster_page import Figure, SheetGroup
from reseen.pages.content import ClusterSheet
from reseen.pages.data_page import CountRow, DataContent, Remark, write_data_page
from reseen.video.boxes import Pixels
from reseen.video.crop_files import SHEET, counts
from reseen.video.record import CropRow, SourceRecord

_TRACKLETS, _CROPS, _HEIGHT = 24, 10, 112
"""Maximum number of tracklets per camera, of crops per tracklet, and height of a crop in pixels."""


def write_sheet(out: Path, records: Sequence[SourceRecord], facts: dict[str, str]) -> None:
    """Write the contact sheet.

    Args:
        out: folder of the crops.
        records: records of the sources.
        facts: further details to show, such as the detector.

    Raises:
        StorageError: it cannot be written.
    """
    totals = counts(records)
    total: dict[str, Any] = totals["total"]
    cameras = list(totals["cameras"])
    notes = [
        Remark("look", f"{record.facts.name}: {note}") for record in records for note in record.facts.notes
    ]
    notes += [
        Remark("look", f"{record.facts.name}: interrupted; run the command again to complete it")
        for record in records
        if not record.facts.complete
    ]
    rows = [
        CountRow(label, [(f"{totals['cameras'][camera][name]:,}", "") for camera in cameras])
        for name, label in (
            ("sources", "videos"),
            ("frames", "frames"),
            ("tracklets", "tracklets"),
            ("crops", "crops"),
            ("dropped_short", "tracklets dropped as too short"),
            ("dropped_bare", "tracklets dropped without a usable crop"),
        )
    ]
    content = DataContent(
        "Crops from video",
        "People found in videos; each row is one tracklet, from its first crop to its last.",
        figures=[
            Figure("Crops", f"{total['crops']:,}", f"from {total['frames']:,} frames"),
            Figure("Tracklets", f"{total['tracklets']:,}", "one person seen by one camera for a while"),
            Figure("Cameras", f"{total['cameras']:,}", _videos(total["sources"])),
        ],
        splits=cameras,
        rows=rows,
        remarks=notes,
        groups=[_group(out, camera, records) for camera in cameras],
        facts=facts,
    )
    write_data_page(out / SHEET, content)


def _videos(count: int) -> str:
    return "1 video" if count == 1 else f"{count:,} videos"


def _group(out: Path, camera: str, records: Sequence[SourceRecord]) -> SheetGroup:
    tracklets: list[tuple[str, list[CropRow]]] = []
    for record in records:
        if record.facts.camera == camera:
            by_number: dict[int, list[CropRow]] = {}
            for row in record.rows:
                by_number.setdefault(row.tracklet, []).append(row)
            tracklets += [(f"{record.facts.name}-{number:05d}", rows) for number, rows in by_number.items()]
    shown = (
        [tracklets[index] for index in evenly_spaced(range(len(tracklets)), _TRACKLETS)] if tracklets else []
    )
    note = f"{len(shown)} of {len(tracklets)} tracklets" if len(shown) < len(tracklets) else ""
    return SheetGroup(f"Camera {camera}", note, [_sheet(out, name, rows) for name, rows in shown])


def _sheet(out: Path, name: str, rows: Sequence[CropRow]) -> ClusterSheet:
    images, captions = [], []
    for index in evenly_spaced(range(len(rows)), _CROPS):
        image = _read_image(out / rows[index].path)
        if image is not None:
            images.append(image)
            captions.append(f"{name}, {rows[index].time:.1f} s, score {rows[index].score:.2f}")
    note = f"{len(rows)} crops, {rows[0].time:.1f} to {rows[-1].time:.1f} s"
    return ClusterSheet(name, images, note=note, words=captions)


def _read_image(file: Path) -> Pixels | None:
    try:
        image = decode(read_bytes(ImageSource(file)))
    except UnreadableError:  # deleted in the meantime
        return None
    height, width = image.shape[:2]
    return fit(image, _HEIGHT, max(1, round(width * _HEIGHT / height))) if height > _HEIGHT else image
