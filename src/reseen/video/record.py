"""Records of processed sources: one Parquet file per source, written when the source is done."""

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
"""Folder of the records, in the folder of the crops."""

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
    """Frame number, from 0."""
    left: float
    top: float
    right: float
    bottom: float
    score: float
    sharpness: float


@dataclass(frozen=True)
class SourceFacts:
    """Facts about a processed source."""

    name: str
    camera: str
    place: str
    """Path, or URL without password."""
    fingerprint: str
    """Hash of the source and the settings; a complete source with an unchanged fingerprint is skipped."""
    complete: bool
    """False if processing was interrupted."""
    start: float | None
    """Unix time of the first frame in seconds; None if unknown."""
    frames: int
    seconds: float
    """Duration of the processed part of the video."""
    boxes: int
    tracklets: int
    crops: int
    dropped_short: int
    """Number of tracklets with too few frames."""
    dropped_bare: int
    """Number of tracklets without a usable crop."""
    notes: tuple[str, ...]
    """Problems found while reading."""
    width: int = 0
    """Pixels of a frame; 0 if unknown, as is the height."""
    height: int = 0


@dataclass(frozen=True)
class SourceRecord:
    """A source and its crops."""

    facts: SourceFacts
    rows: tuple[CropRow, ...]


_SCHEMA = pa.schema([(name, _TYPES[kind]) for name, kind in get_type_hints(CropRow).items()])


def record_path(out: Path, camera: str, name: str) -> Path:
    """Path of the record of a source."""
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
    """Read a record; None if it does not exist or is damaged."""
    try:
        table = read_table(file)
        facts = parse_as(SourceFacts, (table.schema.metadata or {}).get(_KEY, b""))
        _check(facts, table, file)
        rows = tuple(CropRow(**row) for row in table.to_pylist())
    except (OSError, ValueError):
        return None
    return SourceRecord(facts, rows)


def _check(facts: SourceFacts, table: pa.Table, file: Path) -> None:
    """Raise a ValueError if a record is not one that `write_record` could have written."""
    if record_path(file.parents[1], facts.camera, facts.name) != file:
        raise ValueError("it belongs to another source")
    if not table.schema.equals(_SCHEMA):
        raise ValueError("it has other columns")
    if any(column.null_count for column in table.columns):
        raise ValueError("a value is missing")
    numbers = [table[name].to_numpy() for name, kind in get_type_hints(CropRow).items() if kind is float]
    if not all(np.isfinite(column).all() for column in numbers):
        raise ValueError("a number is not finite")
    if not all(math.isfinite(value) for value in (facts.seconds, facts.start or 0.0)):
        raise ValueError("a time is not finite")
    if any(".." in Path(path).parts or Path(path).is_absolute() for path in table["path"].to_pylist()):
        raise ValueError("a crop is outside of the folder")
    "".join([facts.place, *facts.notes]).encode()  # raises on an unpaired surrogate


def read_records(out: Path) -> list[SourceRecord]:
    """All records in a folder of crops, sorted by camera and name; damaged ones are skipped."""
    files = sorted((out / RECORDS).glob("*.parquet"))
    records = [record for record in map(read_record, files) if record is not None]
    return sorted(records, key=lambda record: (record.facts.camera, record.facts.name))
