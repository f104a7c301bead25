"""The files in a folder of crops (JPEG files, manifest, counts), and the result of `crop_videos`."""

import csv
import io
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reseen.files import create_file, make_folder, storage_error, write_atomically, write_text
from reseen.video.record import CropRow, SourceFacts, SourceRecord
from reseen.video.settings import CropSettings
from reseen.video.sources import Source
from reseen.video.tracklets import Tracklet


def write_crops(out: Path, source: Source, tracklet: Tracklet) -> list[CropRow]:
    """Write the crops of a tracklet to `out`/CAMERA/, synced to disk, and return their rows.

    Raises:
        StorageError: a file cannot be written; an incomplete one is removed.
    """
    rows = []
    folder = make_folder(out / source.camera)
    for crop in tracklet.crops:
        file = folder / f"{source.name}_t{tracklet.number:05d}_f{crop.frame:07d}.jpg"
        try:
            with create_file(file) as stream:
                stream.write(crop.jpeg)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            with suppress(OSError):
                file.unlink()
            raise storage_error(file, error) from None
        path = file.relative_to(out).as_posix()
        rows.append(
            CropRow(path, tracklet.number, crop.time, crop.frame, *crop.box, crop.score, crop.sharpness)
        )
    return rows


MANIFEST = "manifest.parquet"
COUNTS = "crops.json"
SHEET = "contact-sheet.html"

_TYPES = {
    "path": pa.string(),
    "camera": pa.string(),
    "tracklet": pa.string(),
    "time": pa.float64(),
    "source": pa.string(),
    "frame": pa.int64(),
    **dict.fromkeys(("left", "top", "right", "bottom", "score", "sharpness"), pa.float64()),
}
_GAP = 60.0
"""Assumed seconds between recordings of one camera whose times are unknown."""


def write_manifest(out: Path, records: Sequence[SourceRecord]) -> None:
    """Write `manifest.parquet`, `manifest.csv` and `crops.json` into the folder of the crops.

    Times are Unix seconds if the start of a recording is known. Recordings of one camera without a start are placed one
    after another in the order of their names, so that tracklets of different recordings do not overlap in time.

    Raises:
        StorageError: a file cannot be written.
    """
    columns: dict[str, list[Any]] = {name: [] for name in _TYPES}
    for record, offset in zip(records, time_offsets([record.facts for record in records]), strict=True):
        for row in record.rows:
            values = {
                **{name: getattr(row, name) for name in _TYPES if name in type(row).__dataclass_fields__},
                "camera": record.facts.camera,
                "tracklet": f"{record.facts.name}-{row.tracklet:05d}",
                "time": round(offset + row.time, 3),
                "source": record.facts.name,
            }
            for name in _TYPES:
                columns[name].append(values[name])
    table = pa.table(columns, schema=pa.schema(list(_TYPES.items())))

    def write(temporary: Path) -> None:
        pq.write_table(table, temporary)

    write_atomically(out / MANIFEST, write)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    write_text(out / "manifest.csv", text.getvalue())
    write_text(out / COUNTS, json.dumps(counts(records), indent=2) + "\n")


def time_offsets(facts: Sequence[SourceFacts]) -> list[float]:
    """Offset in seconds of the times of each source: its start, or the end of the previous source of the camera."""
    ends: dict[str, float] = {}
    offsets = []
    for source in facts:
        if source.start is not None:
            offsets.append(source.start)
            continue
        begin = ends.get(source.camera, 0.0)
        offsets.append(begin)
        ends[source.camera] = begin + source.seconds + _GAP
    return offsets


def counts(records: Sequence[SourceRecord]) -> dict[str, Any]:
    """Counts of frames, boxes, tracklets and crops: in total, by camera and by source."""
    facts = [record.facts for record in records]
    cameras = sorted({source.camera for source in facts})
    names = ("frames", "boxes", "tracklets", "crops", "dropped_short", "dropped_bare")

    def total(camera: str | None) -> dict[str, int]:
        selected = [source for source in facts if camera in (None, source.camera)]
        return {"sources": len(selected)} | {
            name: sum(getattr(source, name) for source in selected) for name in names
        }

    return {
        "total": {"cameras": len(cameras)} | total(None),
        "cameras": {camera: total(camera) for camera in cameras},
        "sources": [
            {key: value for key, value in vars(source).items() if key != "fingerprint"} for source in facts
        ],
    }


@dataclass(frozen=True)
class CroppedVideos:
    """The content of a folder of crops after `crop_videos`."""

    folder: Path
    records: tuple[SourceRecord, ...]
    """All sources in the folder, including those of earlier calls."""
    skipped: int
    """Number of sources of this call that were already processed."""
    unreadable: tuple[str, ...]
    """Error messages of the sources that cannot be read."""

    @property
    def manifest(self) -> Path:
        """The manifest, which `reseen train` and `reseen index` accept as data."""
        return self.folder / MANIFEST

    @property
    def sheet(self) -> Path:
        """The contact sheet."""
        return self.folder / SHEET

    @property
    def crops(self) -> int:
        """Number of crops."""
        return sum(record.facts.crops for record in self.records)


def explain_no_crops(result: CroppedVideos, settings: CropSettings) -> str:
    """An error message on why there is no crop, and what to change."""
    frames, boxes = (
        sum(getattr(record.facts, name) for record in result.records) for name in ("frames", "boxes")
    )
    if boxes:
        return (
            f"{result.folder}: {boxes:,} boxes in {frames:,} frames, but no tracklet with a crop of at least "
            f"{settings.thin.height} pixels; lower thin.height, thin.fewest_frames or thin.border, or "
            "raise thin.overlap"
        )
    hint = {
        "motion": "`motion` detects what moves in front of a fixed camera; lower motion.smallest, or use another "
        "--detector",
        "file": "lower --score, or check that the file belongs to this video",
    }.get(
        settings.detector,
        "lower --score, or check the class index with --onnx.person or --torchvision.person",
    )
    return f"{result.folder}: no person found in {frames:,} frames; {hint}"


def detector_name(settings: CropSettings) -> str:
    """Description of the detector, for the contact sheet."""
    names = {
        "onnx": f"ONNX, {settings.onnx.file}",
        "torchvision": f"torchvision, {settings.torchvision.name}",
        "file": f"boxes of {settings.detections}",
    }
    return names.get(settings.detector, "motion (background subtraction)")
