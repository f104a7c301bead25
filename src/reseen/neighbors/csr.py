"""Sparse rows (CSR), and allocators of large arrays: in memory, or memory-mapped files."""

from collections.abc import Callable

import numpy as np

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Sparse rows in CSR form: start of each row (n + 1, int64), columns (int32), values (float32)."""

Allocate = Callable[[tuple[int, ...], type[np.generic]], np.ndarray]
"""A function from a shape and a dtype to an array of zeros."""


def in_memory(shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
    """An array of zeros in memory: the default `Allocate`."""
    return np.zeros(shape, dtype)


def first_columns(
    values: np.ndarray, count: int, dtype: type[np.generic], allocate: Allocate = in_memory
) -> np.ndarray:
    """The first `count` columns of a matrix, contiguous and of type `dtype`; the matrix itself if nothing changes."""
    if values.shape[1] <= count and values.dtype == dtype and values.flags.c_contiguous:
        return values
    part = allocate((len(values), min(count, values.shape[1])), dtype)
    part[:] = values[:, :count]
    return part
