"""The manifest of a folder of crops, as Parquet and CSV, and the counts as JSON."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reseen.files import write_atomically, write_text
from reseen.video.record import SourceFacts, SourceRecord

MANIFEST = "manifest.parquet"
COUNTS = "crops.json"

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
"""Seconds between recordings of one camera whose times are not known."""


def write_manifest(out: Path, records: Sequence[SourceRecord]) -> None:
    """Write `manifest.parquet`, `manifest.csv` and `crops.json` into the folder of the crops.

    Times are Unix seconds where the start of a recording is known. Recordings of one camera without a start are laid
    end to end in the order of their names, so that tracklets of different recordings never seem to overlap.

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
    """What is added to the times of each source: its start, or the end of the one before it."""
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
    """Counts of all sources, by camera and for each source."""
    facts = [record.facts for record in records]
    cameras = sorted({source.camera for source in facts})
    names = ("frames", "boxes", "tracklets", "crops", "dropped_short", "dropped_bare")

    def total(camera: str | None) -> dict[str, int]:
        mine = [source for source in facts if camera in (None, source.camera)]
        return {"sources": len(mine)} | {
            name: sum(getattr(source, name) for source in mine) for name in names
        }

    return {
        "total": {"cameras": len(cameras)} | total(None),
        "cameras": {camera: total(camera) for camera in cameras},
        "sources": [
            {key: value for key, value in vars(source).items() if key != "fingerprint"} for source in facts
        ],
    }
