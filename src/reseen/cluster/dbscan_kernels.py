"""Compiled loops of DBSCAN over the entries of sparse rows, from front to back, cached on disk beside this file."""

import numpy as np

from reseen.compiled import compiled
from reseen.neighbors.csr import Rows


@compiled()
def mark_core_rows(rows: Rows, eps: np.float32, min_samples: int, core: np.ndarray) -> None:
    """Which rows have as many entries within eps: `core`, (n,) bool."""
    start, _, values = rows
    for i in range(start.shape[0] - 1):
        count = 0
        for entry in range(start[i], start[i + 1]):
            if values[entry] <= eps:
                count += 1
        core[i] = count >= min_samples


@compiled()
def join_core_rows(rows: Rows, eps: np.float32, core: np.ndarray, group: np.ndarray) -> None:
    """Core rows within eps of each other get one number in `group`, which begins as the row numbers.

    Union-find with path halving; a group goes by its smallest row.
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
        group[i] = group[group[i]]  # those before are settled already


@compiled()
def nearest_core_rows(rows: Rows, eps: np.float32, core: np.ndarray, nearest: np.ndarray) -> None:
    """For every row that is not core the nearest core row within eps, of equals the smaller, where there is one."""
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
