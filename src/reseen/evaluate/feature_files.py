"""Features with labels from a file: NumPy's .npz, never unpickled, or Parquet.

A Parquet column of lists as a matrix.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float32

from reseen.errors import DataError
from reseen.evaluate.labeled import LabeledFeatures
from reseen.reading import read_archive, read_table


def read_vector_column(file: Path, table: pa.Table, name: str) -> Float32[np.ndarray, "n d"]:
    """The rows of a column whose lists all have one length; a copy, since Arrow's memory is read-only.

    Raises:
        DataError: lists of several lengths, or none, or of something else than numbers; names `file`.
    """
    column = table[name].combine_chunks()
    lengths = set(column.value_lengths().to_pylist()) if pa.types.is_list(column.type) else set()
    if pa.types.is_fixed_size_list(column.type):
        lengths = {column.type.list_size} if not column.null_count else set()
    if len(lengths) != 1 or None in lengths or not lengths.pop():
        raise DataError(f"{file}: the column {name} must hold as many numbers in every row")
    try:
        flat = column.flatten().cast(pa.float32()).to_numpy(zero_copy_only=False)
    except pa.ArrowException:
        raise DataError(f"{file}: the column {name} must hold numbers") from None
    return np.array(flat, dtype=np.float32).reshape(len(column), -1)


_NAMES = {
    "features": ("features", "vector", "vectors"),
    "identities": ("identities", "identity"),
    "cameras": ("cameras", "camera"),
    "tracklets": ("tracklets", "tracklet"),
}
"""What a field may be called, the name that messages use first."""


def read_features(file: str | Path) -> LabeledFeatures:
    """Read `features`, `identities` and, where they are there, `cameras` and `tracklets`; more is ignored.

    A .npz file holds them as arrays; a Parquet file as columns, features as lists, under these names or `vector`,
    `identity`, `camera` and `tracklet`.

    Raises:
        DataError: the file is missing, is neither, lacks features or identities, or holds values that do not fit.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise DataError(f"{path}: no such file; give a .npz or Parquet file of features with identities")
    arrays = _read_npz(path) if zipfile.is_zipfile(path) else _read_parquet(path)
    for needed in ("features", "identities"):
        if needed not in arrays:
            raise DataError(
                f"{path}: lacks {needed}; a file of features has the arrays or columns features and identities, and "
                "may have cameras and tracklets"
            )
    features = np.asarray(arrays["features"])
    if features.dtype.kind not in "fiu":
        raise DataError(f"{path}: features must be numbers, found values of type {features.dtype}")
    return LabeledFeatures(
        features.astype(np.float32),
        arrays["identities"],
        arrays.get("cameras"),
        arrays.get("tracklets"),
        source=str(path),
    )


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        names = [name for allowed in _NAMES.values() for name in allowed]
        held = read_archive(path, names)
        return {field: held[name] for field, name in _found(list(held), path).items()}
    except DataError:
        raise
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path}: cannot be read as plain arrays ({reason}); write it with numpy.savez and arrays of numbers or "
            "text, since pickled objects are refused"
        ) from None


def _read_parquet(path: Path) -> dict[str, np.ndarray]:
    try:
        table = read_table(path, [name for allowed in _NAMES.values() for name in allowed])
        arrays: dict[str, np.ndarray] = {}
        for field, name in _found(table.column_names, path).items():
            if field == "features":
                arrays[field] = read_vector_column(path, table, name)
            else:
                arrays[field] = _labels(table[name])
        return arrays
    except (OSError, ValueError, MemoryError, pa.ArrowException) as error:
        raise DataError(
            f"{path}: neither a .npz nor a Parquet file, or damaged ({str(error)[:300]}); write one with "
            "numpy.savez(FILE, features=..., identities=..., cameras=...)"
        ) from None


def _labels(column: pa.ChunkedArray) -> np.ndarray:
    """Numbers as int64 where none is missing, else text, where missing ones are empty."""
    if pa.types.is_integer(column.type) and not column.null_count:
        return column.to_numpy().astype(np.int64)
    return np.array(["" if value is None else str(value) for value in column.to_pylist()], dtype=np.str_)


def _found(names: list[str], path: Path) -> Mapping[str, Any]:
    chosen: dict[str, str] = {}
    for field, allowed in _NAMES.items():
        there = [name for name in allowed if name in names]
        if len(there) > 1:
            raise DataError(f"{path}: holds {' and '.join(there)}, which mean the same; keep one of them")
        if there:
            chosen[field] = there[0]
    return chosen
