"""Compiled loops over sparse rows that work as well on arrays mapped from disk: mean, transpose, order.

As those of `reseen.neighbors.kernels` they work on a range, and none holds more than a few numbers per row besides
what it is given. SciPy's own would copy a mapped matrix into memory.
"""

import numpy as np

from reseen.neighbors.kernels import compiled
from reseen.neighbors.rows import Rows


@compiled()
def mean_rows(
    begin: int,
    end: int,
    nearby: np.ndarray,
    rows: Rows,
    share: np.float32,
    output: Rows,
    lengths: np.ndarray,
) -> None:
    """Row i becomes `share` times the sum of the rows `nearby[i]`, columns ascending; empty outputs only count."""
    start, columns, weights = rows
    out_start, out_columns, out_weights = output
    n = start.shape[0] - 1
    counting = out_columns.shape[0] == 0
    sums = np.zeros(n, np.float32)
    stamp = np.full(n, -1, np.int32)
    members = np.empty(n, np.int32)
    for i in range(begin, end):
        count = 0
        for t in range(nearby.shape[1]):
            row = nearby[i, t]
            for entry in range(start[row], start[row + 1]):
                column = columns[entry]
                if stamp[column] != i:
                    stamp[column] = i
                    members[count] = column
                    sums[column] = np.float32(0)
                    count += 1
                sums[column] += share * weights[entry]
        lengths[i] = count
        if counting:
            continue
        ordered = np.sort(members[:count])
        for t in range(count):
            out_columns[out_start[i] + t] = ordered[t]
            out_weights[out_start[i] + t] = sums[ordered[t]]


@compiled()
def count_columns(begin: int, end: int, columns: np.ndarray, lengths: np.ndarray) -> None:
    """Entries of each of the columns `begin` to `end`."""
    for entry in range(columns.shape[0]):
        column = columns[entry]
        if begin <= column < end:
            lengths[column] += 1


@compiled()
def transpose(begin: int, end: int, rows: Rows, free: np.ndarray, output: Rows) -> None:
    """Entries of the columns `begin` to `end`, rows ascending; `free` is the next free place of every column.

    Every range reads all entries and writes into one stretch of the output, so that a mapped one is written from
    front to back and not all over.
    """
    start, columns, weights = rows
    _, out_rows, out_weights = output
    for i in range(start.shape[0] - 1):
        for entry in range(start[i], start[i + 1]):
            column = columns[entry]
            if begin <= column < end:
                place = free[column]
                out_rows[place] = i
                out_weights[place] = weights[entry]
                free[column] = place + 1


@compiled()
def sort_rows(begin: int, end: int, rows: Rows) -> None:
    """Put the columns of every row in ascending order, in place."""
    start, columns, values = rows
    for i in range(begin, end):
        part = slice(start[i], start[i + 1])
        order = np.argsort(columns[part])
        columns[part] = columns[part][order]
        values[part] = values[part][order]
