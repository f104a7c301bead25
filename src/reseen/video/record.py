"""What is kept of each source beside its crops: one Parquet file, which appears when the source is done."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from reseen.files import write_atomically
from reseen.reading import parquet_schema, parse_as, read_table

RECORDS = "sources"
"""Folder of the records, within that of the crops."""

_KEY = b"reseen"
_TYPES: dict[type, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64()}


@dataclass(frozen=True)
class CropRow:
    """One crop."""

    path: str
    """Relative to the folder of the crops."""
    tracklet: int
    """Number of the tracklet within its source, from 1."""
    time: float
    """Seconds since the first frame of the source."""
    frame: int
    """From 0."""
    left: float
    top: float
    right: float
    bottom: float
    score: float
    sharpness: float


@dataclass(frozen=True)
class SourceFacts:
    """What is known of a source that was gone through."""

    name: str
    camera: str
    place: str
    """Path, or address without password."""
    fingerprint: str
    """Of the source and of the settings; a source whose fingerprint is unchanged is not gone through again."""
    complete: bool
    """False where it was interrupted."""
    start: float | None
    """Unix time of the first frame, in seconds."""
    frames: int
    seconds: float
    """Length, in the time of the video."""
    boxes: int
    tracklets: int
    crops: int
    dropped_short: int
    """Tracklets of too few frames."""
    dropped_bare: int
    """Tracklets without a usable crop."""
    notes: tuple[str, ...]


@dataclass(frozen=True)
class SourceRecord:
    """A source and its crops."""

    facts: SourceFacts
    rows: tuple[CropRow, ...]


def record_path(out: Path, camera: str, name: str) -> Path:
    """Where the record of a source is."""
    return out / RECORDS / f"{camera}--{name}.parquet"


def write_record(out: Path, facts: SourceFacts, rows: Sequence[CropRow]) -> None:
    """Write a record atomically.

    Raises:
        StorageError: it cannot be written.
    """
    columns = {name: [getattr(row, name) for row in rows] for name in CropRow.__dataclass_fields__}
    schema = pa.schema([(name, _TYPES[kind]) for name, kind in get_type_hints(CropRow).items()])
    table = pa.table(columns, schema=schema.with_metadata({_KEY: json.dumps(asdict(facts)).encode()}))

    def write(temporary: Path) -> None:
        pq.write_table(table, temporary)

    write_atomically(record_path(out, facts.camera, facts.name), write)


def read_facts(file: Path) -> SourceFacts | None:
    """What is known of a source; None where there is no record, or a damaged one."""
    try:
        content = (parquet_schema(file).metadata or {}).get(_KEY, b"")
        return parse_as(SourceFacts, content)
    except (OSError, ValueError):
        return None


def read_records(out: Path) -> list[SourceRecord]:
    """All records in a folder of crops, in the order of cameras and names; damaged ones are passed over."""
    found = []
    for file in sorted((out / RECORDS).glob("*.parquet")):
        facts = read_facts(file)
        if facts is not None:
            rows = tuple(CropRow(**row) for row in read_table(file).to_pylist())
            found.append(SourceRecord(facts, rows))
    return sorted(found, key=lambda record: (record.facts.camera, record.facts.name))
