"""Compiled loops of DBSCAN over the entries of sparse rows, in order."""

import numpy as np

from reseen.compiled import compiled
from reseen.neighbors.csr import Rows


@compiled()
def mark_core_rows(rows: Rows, eps: np.float32, min_samples: int, core: np.ndarray) -> None:
    """Set `core` (n,), bool: whether a row has at least `min_samples` entries within eps."""
    start, _, values = rows
    for i in range(start.shape[0] - 1):
        count = 0
        for entry in range(start[i], start[i + 1]):
            if values[entry] <= eps:
                count += 1
        core[i] = count >= min_samples


@compiled()
def join_core_rows(rows: Rows, eps: np.float32, core: np.ndarray, group: np.ndarray) -> None:
    """Give core rows within eps of each other the same number in `group` (n,), which starts as the row numbers.

    Union-find with path halving; the number of a group is its smallest row.
    """
    start, columns, values = rows
    for i in range(start.shape[0] - 1):
        if not core[i]:
            continue
        for entry in range(start[i], start[i + 1]):
            j = columns[entry]
            if j < i and values[entry] <= eps and core[j]:
                one, other = _find(group, i), _find(group, j)
                group[max(one, other)] = min(one, other)
    for i in range(group.shape[0]):
        group[i] = group[group[i]]  # earlier rows already point to their root


@compiled()
def nearest_core_rows(rows: Rows, eps: np.float32, core: np.ndarray, nearest: np.ndarray) -> None:
    """Set `nearest` (n,) to the nearest core row within eps of every other row; ties go to the smaller row number."""
    start, columns, values = rows
    for i in range(start.shape[0] - 1):
        if core[i]:
            continue
        least = np.float32(np.inf)
        for entry in range(start[i], start[i + 1]):
            j, value = columns[entry], values[entry]
            if value > eps or not core[j]:
                continue
            if value < least or (value == least and j < nearest[i]):
                least = value
                nearest[i] = j


@compiled()
def _find(group: np.ndarray, row: int) -> int:
    while group[row] != row:
        group[row] = group[group[row]]
        row = group[row]
    return row
