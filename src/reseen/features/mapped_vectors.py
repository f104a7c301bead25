"""Vectors in files that may be larger than memory: a .npy array, a Parquet file, or a folder of Parquet partitions."""

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
from reseen.features.partitions import is_partitioned, partition_files, refuse_several_ways
from reseen.neighbors.out_of_core import Scratch
from reseen.reading import iterate_table, parquet_rows, parquet_schema, read_array
from reseen.records import Features
from reseen.runs.run import RECIPE

_BATCH = 4096
"""Rows per read."""
_STAGE = "vectors"
_UNIT_TOLERANCE = 1e-3

Names = tuple[list[str], list[str | None]]
"""Paths (row numbers for a .npy array) and camera names of a batch of rows."""


@dataclass(frozen=True)
class VectorFile:
    """A file or folder of vectors, described without loading them."""

    path: Path
    parts: tuple[Path, ...]
    """Parquet files in order; empty for a .npy array."""
    rows: int
    dimension: int

    @property
    def first_column(self) -> str:
        """Name of the column that identifies rows: `path`, or `row` for a .npy array."""
        return "path" if self.parts else "row"

    @property
    def key(self) -> str:
        """A hash of names, sizes and modification times, which changes when a file is replaced."""
        stats = [(str(file), file.stat()) for file in self.parts or (self.path,)]
        text = "\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats)
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]

    def batches(self) -> Iterator[Float32[np.ndarray, "b d"]]:
        """Yield the vectors as stored, in batches of up to 4,096 rows.

        Raises:
            DataError: a Parquet file holds something other than vectors of one dimension.
        """
        if not self.parts:
            array = read_array(self.path, "r")
            for begin in range(0, self.rows, _BATCH):
                with np.errstate(over="ignore"):  # float32 overflow becomes infinite, which is reported later
                    part = np.asarray(array[begin : begin + _BATCH], dtype=np.float32)
                yield part
        for file in self.parts:
            for table in _tables(file, ["vector"]):
                rows = read_vector_column(file, table, "vector")
                if rows.shape[1] != self.dimension:
                    raise DataError(
                        f"{file}: vectors have {rows.shape[1]} dimensions, those in {self.parts[0]} have "
                        f"{self.dimension}; embed all crops with one model"
                    )
                yield rows

    def names(self) -> Iterator[Names]:
        """Yield paths (row numbers for a .npy array) and camera names, in batches of up to 4,096 rows."""
        if not self.parts:
            for begin in range(0, self.rows, _BATCH):
                numbers = range(begin, min(begin + _BATCH, self.rows))
                yield [str(number) for number in numbers], [None] * len(numbers)
        for file in self.parts:
            has_cameras = "camera" in _schema(file).names
            for table in _tables(file, ["path", "camera"] if has_cameras else ["path"]):
                cameras = camera_names(table["camera"].to_pylist() if has_cameras else [None] * len(table))
                yield table["path"].to_pylist(), cameras


def is_vectors(path: Path) -> bool:
    """Whether a path is a file of vectors, by its suffix, or a folder of partitions; not a run or a recipe."""
    return path.suffix.lower() in (".npy", ".npz", ".parquet") or is_partitioned(path)


def open_vector_file(path: Path) -> VectorFile:
    """Open a .npy file of a float matrix, a Parquet file, or a folder of partitions; reads at most one vector.

    Raises:
        DataError: it is none of these, is empty, or holds vectors computed in several ways.
    """
    if not path.exists():
        raise DataError(f"{path}: does not exist; give a .npy file, or the output of `reseen embed`")
    if path.is_file() and path.suffix.lower() == ".npz":
        raise DataError(f"{path}: a .npz archive cannot be memory-mapped; write the features with numpy.save")
    if path.is_file() and path.suffix.lower() == ".npy":
        return _open_array(path)
    if (path / RECIPE).is_file():
        raise DataError(f"{path}: is a run folder, not vectors; add --data, or run `reseen embed` first")
    parts = tuple(partition_files(path)) if path.is_dir() else (path,)
    rows = 0
    for file in parts:
        names, count = _schema(file).names, parquet_rows(file)
        missing = [name for name in ("path", "vector") if name not in names]
        if missing:
            raise DataError(
                f"{file}: lacks the column {' and '.join(missing)}; give the output of `reseen embed`"
            )
        rows += count
    try:
        refuse_several_ways(path, (_schema(file) for file in parts))
    except ValueError as error:
        raise _corrupt(path, error) from None
    if rows == 0:
        raise DataError(f"{path}: holds no vector; embed a folder that has crops")
    first = next(table for file in parts for table in _tables(file, ["vector"], 1) if len(table))
    return VectorFile(path, parts, rows, read_vector_column(parts[0], first, "vector").shape[1])


def map_vectors(
    file: VectorFile, scratch: Scratch, progress: Callable[[int], None] = lambda _: None
) -> Features:
    """Memory-mapped unit rows: the .npy file itself if it is float32 and normalized, else a copy in `scratch`.

    A copy of an earlier call is reused. `progress` is called with the number of rows just processed.

    Raises:
        ClusteringError: a vector is zero or not finite.
        DataError: a Parquet file holds something other than vectors of one dimension.
        StorageError: the disk is full.
    """
    if scratch.done(_STAGE, file.key):
        progress(file.rows)
        return Features(torch.from_numpy(scratch.open(_STAGE)))
    if not file.parts and read_array(file.path, "r").dtype == np.float32:
        if _all_unit(file, progress):
            # Copy on write: nothing is written, but torch does not accept read-only arrays.
            return Features(torch.from_numpy(np.asarray(read_array(file.path, "c"))))
        progress(-file.rows)
    vectors, begin = scratch.array(_STAGE, (file.rows, file.dimension), np.float32), 0
    for rows in file.batches():
        lengths = _lengths(rows, begin, file)
        is_unit = np.abs(lengths - 1) <= _UNIT_TOLERANCE  # unit rows keep their bits
        vectors[begin : begin + len(rows)] = rows / np.where(is_unit, np.float32(1), lengths)[:, None]
        begin += len(rows)
        progress(len(rows))
    scratch.flush(_STAGE)
    scratch.write_note(_STAGE, file.key, done=True)
    return Features(torch.from_numpy(vectors))


def _all_unit(file: VectorFile, progress: Callable[[int], None]) -> bool:
    """Whether all rows have unit length."""
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
            f"{file.path}: vectors are zero or not finite, the first is row {begin + bad[0]}; remove these rows"
        )
    return lengths


def _open_array(path: Path) -> VectorFile:
    try:
        array = read_array(path, "r")
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "empty"
        raise DataError(f"{path}: cannot be read as an array ({reason}); write it with numpy.save") from None
    if array.ndim != 2 or array.dtype.kind != "f" or 0 in array.shape:
        raise DataError(
            f"{path}: expected a matrix of floats, one row per crop; found shape {array.shape} of {array.dtype}"
        )
    return VectorFile(path, (), len(array), array.shape[1])


def _tables(file: Path, columns: list[str], rows: int = _BATCH) -> Iterator[pa.Table]:
    """Yield a Parquet file in batches of `rows` rows, read as needed."""
    try:
        yield from iterate_table(file, columns, rows)
    except (OSError, ValueError) as error:
        raise _corrupt(file, error) from None


def _schema(file: Path) -> pa.Schema:
    try:
        return parquet_schema(file)
    except (OSError, ValueError) as error:
        raise _corrupt(file, error) from None


def _corrupt(file: Path, error: Exception) -> DataError:
    return DataError(f"{file}: neither .npy nor a Parquet file of `reseen embed` ({error})")
