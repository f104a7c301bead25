"""Read labeled features from a file: NumPy's .npz, never unpickled, or Parquet with a column of lists."""

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
    """A float32 matrix (n, d) from a column of equally long lists; a copy, since Arrow's memory is read-only.

    Raises:
        DataError: the lists differ in length, are empty or missing, or do not hold numbers; names `file`.
    """
    column = table[name].combine_chunks()
    lengths = set(column.value_lengths().to_pylist()) if pa.types.is_list(column.type) else set()
    if pa.types.is_fixed_size_list(column.type):
        lengths = {column.type.list_size} if not column.null_count else set()
    if len(lengths) != 1 or None in lengths or not lengths.pop():
        raise DataError(f"{file}: the column {name} must hold the same number of values in every row")
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
"""Accepted names of each field; messages use the first."""


def read_features(file: str | Path) -> LabeledFeatures:
    """The `features`, `identities` and, where present, `cameras` and `tracklets` of a file; other fields are ignored.

    A .npz file holds them as arrays; a Parquet file as columns, features as lists, under these names or `vector`,
    `identity`, `camera` and `tracklet`.

    Raises:
        DataError: the file is missing or of another format, lacks features or identities, or holds invalid values.

    Example:
        >>> gallery = read_features("gallery.npz")
        >>> gallery.features.shape
        (15913, 2048)
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise DataError(f"{path}: no such file; give a .npz or Parquet file of features with identities")
    arrays = _read_npz(path) if zipfile.is_zipfile(path) else _read_parquet(path)
    for needed in ("features", "identities"):
        if needed not in arrays:
            raise DataError(
                f"{path}: lacks {needed}; a feature file needs the arrays or columns features and identities, and "
                "optionally cameras and tracklets"
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
        arrays = read_archive(path, names)
        return {field: arrays[name] for field, name in _field_names(list(arrays), path).items()}
    except DataError:
        raise
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path}: cannot be read as plain arrays ({reason}); write it with numpy.savez from arrays of numbers or "
            "text, pickled objects are refused"
        ) from None


def _read_parquet(path: Path) -> dict[str, np.ndarray]:
    try:
        table = read_table(path, [name for allowed in _NAMES.values() for name in allowed])
        arrays: dict[str, np.ndarray] = {}
        for field, name in _field_names(table.column_names, path).items():
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
    """Integers as int64 if none is missing, else text, with empty strings for missing values."""
    if pa.types.is_integer(column.type) and not column.null_count:
        return column.to_numpy().astype(np.int64)
    return np.array(["" if value is None else str(value) for value in column.to_pylist()], dtype=np.str_)


def _field_names(names: list[str], path: Path) -> Mapping[str, Any]:
    """Field to the name under which the file holds it."""
    by_field: dict[str, str] = {}
    for field, allowed in _NAMES.items():
        present = [name for name in allowed if name in names]
        if len(present) > 1:
            raise DataError(f"{path}: holds {' and '.join(present)}, which mean the same; keep one of them")
        if present:
            by_field[field] = present[0]
    return by_field
