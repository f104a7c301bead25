"""Sparse rows, and where large arrays come from: memory, or files that are mapped into it."""

from collections.abc import Callable

import numpy as np

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Sparse rows: start of each row (n + 1, int64), columns (int32), values (float32)."""

Allocate = Callable[[tuple[int, ...], type[np.generic]], np.ndarray]
"""From a shape and a type to an array of zeros."""


def in_memory(shape: tuple[int, ...], kind: type[np.generic]) -> np.ndarray:
    """An array of zeros like any other."""
    return np.zeros(shape, kind)


def first_columns(
    values: np.ndarray, count: int, kind: type[np.generic], allocate: Allocate = in_memory
) -> np.ndarray:
    """The first columns of a matrix, contiguous and of this type; the matrix itself where it is that already."""
    if values.shape[1] <= count and values.dtype == kind and values.flags.c_contiguous:
        return values
    part = allocate((len(values), min(count, values.shape[1])), kind)
    part[:] = values[:, :count]
    return part
