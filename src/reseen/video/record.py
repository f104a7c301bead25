"""What is kept of each source beside its crops: one Parquet file, which appears when the source is done."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from reseen.files import write_atomically
from reseen.reading import parse_as, read_table

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


_SCHEMA = pa.schema([(name, _TYPES[kind]) for name, kind in get_type_hints(CropRow).items()])


def record_path(out: Path, camera: str, name: str) -> Path:
    """Where the record of a source is."""
    return out / RECORDS / f"{camera}--{name}.parquet"


def write_record(out: Path, facts: SourceFacts, rows: Sequence[CropRow]) -> None:
    """Write a record atomically.

    Raises:
        StorageError: it cannot be written.
    """
    columns = {name: [getattr(row, name) for row in rows] for name in CropRow.__dataclass_fields__}
    table = pa.table(columns, schema=_SCHEMA.with_metadata({_KEY: json.dumps(asdict(facts)).encode()}))

    def write(temporary: Path) -> None:
        pq.write_table(table, temporary)

    write_atomically(record_path(out, facts.camera, facts.name), write)


def read_record(file: Path) -> SourceRecord | None:
    """A source and its crops; None where there is no record, or a damaged one."""
    try:
        table = read_table(file)
        facts = parse_as(SourceFacts, (table.schema.metadata or {}).get(_KEY, b""))
        _check(facts, table, file)
        rows = tuple(CropRow(**row) for row in table.to_pylist())
    except (OSError, ValueError):
        return None
    return SourceRecord(facts, rows)


def _check(facts: SourceFacts, table: pa.Table, file: Path) -> None:
    """Raise a ValueError where a record does not hold what `write_record` writes."""
    if record_path(file.parents[1], facts.camera, facts.name) != file:
        raise ValueError("it is of another source")
    if not table.schema.equals(_SCHEMA):
        raise ValueError("its columns are others")
    if any(column.null_count for column in table.columns):
        raise ValueError("a value is missing")
    numbers = [table[name].to_numpy() for name, kind in get_type_hints(CropRow).items() if kind is float]
    if not all(np.isfinite(column).all() for column in numbers):
        raise ValueError("a number is not finite")
    if not all(math.isfinite(value) for value in (facts.seconds, facts.start or 0.0)):
        raise ValueError("a time is not finite")
    if any(".." in Path(path).parts or Path(path).is_absolute() for path in table["path"].to_pylist()):
        raise ValueError("a crop lies outside of the folder")
    "".join([facts.place, *facts.notes]).encode()  # half a surrogate pair is no text


def read_records(out: Path) -> list[SourceRecord]:
    """All records in a folder of crops, in the order of cameras and names; damaged ones are passed over."""
    records = map(read_record, sorted((out / RECORDS).glob("*.parquet")))
    found = [record for record in records if record is not None]
    return sorted(found, key=lambda record: (record.facts.camera, record.facts.name))
