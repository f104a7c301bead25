"""Vectors in a file that may be larger than memory: a .npy array, a Parquet file, or a folder of Parquet partitions."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float32

from reseen.datasets.values import camera_names
from reseen.errors import ClusteringError, DataError
from reseen.evaluate.feature_files import read_vector_column
from reseen.features.partitions import is_partitioned, partition_files
from reseen.neighbors.out_of_core import Scratch
from reseen.reading import iterate_table, parquet_rows, parquet_schema, read_array
from reseen.records import Features
from reseen.runs.run import RECIPE

_BATCH = 4096
"""Rows read at once."""
_STAGE = "vectors"
_UNIT_TOLERANCE = 1e-3

Names = tuple[list[str], list[str | None]]
"""Paths, or row numbers where vectors have no names, and cameras of some rows."""


@dataclass(frozen=True)
class VectorFile:
    """A place that holds vectors; nothing of them is in memory."""

    place: Path
    parts: tuple[Path, ...]
    """Parquet files in order; none of a .npy array."""
    rows: int
    dimension: int

    @property
    def first_column(self) -> str:
        """What a row is called by."""
        return "path" if self.parts else "row"

    @property
    def key(self) -> str:
        """Changes when a file is replaced."""
        stamps = [(str(file), file.stat()) for file in self.parts or (self.place,)]
        text = "\n".join(f"{name} {stamp.st_size} {stamp.st_mtime_ns}" for name, stamp in stamps)
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]

    def batches(self) -> Iterator[Float32[np.ndarray, "b d"]]:
        """Vectors as they are, some thousand at a time.

        Raises:
            DataError: a Parquet file holds something else.
        """
        if not self.parts:
            array = read_array(self.place, "r")
            for begin in range(0, self.rows, _BATCH):
                with np.errstate(
                    over="ignore"
                ):  # what float32 cannot hold becomes infinite, which is told of
                    part = np.asarray(array[begin : begin + _BATCH], dtype=np.float32)
                yield part
        for file in self.parts:
            for table in _tables(file, ["vector"]):
                rows = read_vector_column(file, table, "vector")
                if rows.shape[1] != self.dimension:
                    raise DataError(
                        f"{file}: vectors of {rows.shape[1]} numbers, {self.dimension} in {self.parts[0]}; embed all "
                        "crops with one model"
                    )
                yield rows

    def names(self) -> Iterator[Names]:
        """What rows are called and their cameras, in the same order."""
        if not self.parts:
            for begin in range(0, self.rows, _BATCH):
                numbers = range(begin, min(begin + _BATCH, self.rows))
                yield [str(number) for number in numbers], [None] * len(numbers)
        for file in self.parts:
            known = "camera" in _schema(file).names
            for table in _tables(file, ["path", "camera"] if known else ["path"]):
                cameras = camera_names(table["camera"].to_pylist() if known else [None] * len(table))
                yield table["path"].to_pylist(), cameras


def is_vectors(place: Path) -> bool:
    """Whether a place looks like vectors, a file or a folder of partitions, and not like a run or a recipe."""
    return place.suffix.lower() in (".npy", ".npz", ".parquet") or is_partitioned(place)


def open_vector_file(place: Path) -> VectorFile:
    """Look at a .npy file of a matrix, a Parquet file or a folder of partitions; read no vector but the first.

    Raises:
        DataError: it is none of these, or holds nothing.
    """
    if not place.exists():
        raise DataError(f"{place}: is not there; give a .npy file, or what `reseen embed` wrote")
    if place.is_file() and place.suffix.lower() == ".npz":
        raise DataError(
            f"{place}: a .npz archive cannot be mapped into memory; write the features by numpy.save"
        )
    if place.is_file() and place.suffix.lower() == ".npy":
        return _open_array(place)
    if (place / RECIPE).is_file():
        raise DataError(f"{place}: is a run, which makes vectors of crops; add --data, or embed them first")
    parts = tuple(partition_files(place)) if place.is_dir() else (place,)
    rows = 0
    for file in parts:
        names, count = _schema(file).names, parquet_rows(file)
        missing = [name for name in ("path", "vector") if name not in names]
        if missing:
            raise DataError(
                f"{file}: lacks the column {' and '.join(missing)}; give what `reseen embed` wrote"
            )
        rows += count
    if rows == 0:
        raise DataError(f"{place}: holds no vector; embed a folder that has crops")
    first = next(table for file in parts for table in _tables(file, ["vector"], 1) if len(table))
    return VectorFile(place, parts, rows, read_vector_column(parts[0], first, "vector").shape[1])


def map_vectors(
    file: VectorFile, scratch: Scratch, progress: Callable[[int], None] = lambda _: None
) -> Features:
    """Unit rows mapped from disk: those of a .npy file where they are float32 and unit, else a copy in `scratch`.

    A copy that an earlier call has made is taken up. `progress` is called with rows looked at, all in the end.

    Raises:
        ClusteringError: a vector is zero or not finite.
        DataError: a Parquet file holds something else than vectors of one length.
        StorageError: the disk is full.
    """
    if scratch.done(_STAGE, file.key):
        progress(file.rows)
        return Features(torch.from_numpy(scratch.open(_STAGE)))
    if not file.parts and read_array(file.place, "r").dtype == np.float32:
        if _check(file, progress):
            # Copy on write: nothing is ever written, and torch takes no array that says it cannot be.
            return Features(torch.from_numpy(np.asarray(read_array(file.place, "c"))))
        progress(-file.rows)
    vectors, begin = scratch.array(_STAGE, (file.rows, file.dimension), np.float32), 0
    for rows in file.batches():
        lengths = _lengths(rows, begin, file)
        near = np.abs(lengths - 1) <= _UNIT_TOLERANCE  # unit rows keep their bits
        vectors[begin : begin + len(rows)] = rows / np.where(near, np.float32(1), lengths)[:, None]
        begin += len(rows)
        progress(len(rows))
    scratch.flush(_STAGE)
    scratch.write_note(_STAGE, file.key, done=True)
    return Features(torch.from_numpy(vectors))


def _check(file: VectorFile, progress: Callable[[int], None]) -> bool:
    """Whether all rows have length 1 as they are."""
    unit, begin = True, 0
    for rows in file.batches():
        unit &= bool((np.abs(_lengths(rows, begin, file) - 1) <= _UNIT_TOLERANCE).all())
        begin += len(rows)
        progress(len(rows))
    return unit


def _lengths(rows: Float32[np.ndarray, "b d"], begin: int, file: VectorFile) -> Float32[np.ndarray, " b"]:
    lengths = np.linalg.norm(rows, axis=1)
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
    if len(bad):
        raise ClusteringError(
            f"{file.place}: vectors are zero or not finite, the first is row {begin + bad[0]}; remove these rows"
        )
    return lengths


def _open_array(place: Path) -> VectorFile:
    try:
        array = read_array(place, "r")
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "empty"
        raise DataError(f"{place}: cannot be read as an array ({reason}); write it by numpy.save") from None
    if array.ndim != 2 or array.dtype.kind != "f" or 0 in array.shape:
        raise DataError(
            f"{place}: wanted a matrix of floats, a row for each crop; found shape {array.shape} of {array.dtype}"
        )
    return VectorFile(place, (), len(array), array.shape[1])


def _tables(file: Path, columns: list[str], rows: int = _BATCH) -> Iterator[pa.Table]:
    """A Parquet file some rows at a time; pages are read as they are needed."""
    try:
        yield from iterate_table(file, columns, rows)
    except (OSError, ValueError) as error:
        raise _damaged(file, error) from None


def _schema(file: Path) -> pa.Schema:
    try:
        return parquet_schema(file)
    except (OSError, ValueError) as error:
        raise _damaged(file, error) from None


def _damaged(file: Path, error: Exception) -> DataError:
    return DataError(f"{file}: neither .npy nor Parquet such as `reseen embed` writes ({error})")
