"""A Parquet column of lists as a matrix."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Float32

from reseen.errors import DataError


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
