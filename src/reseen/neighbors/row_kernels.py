"""Compiled loops over sparse rows (mean, transpose, sort), over blocks of products (top-k), and of re-ranking.

Like those of `reseen.neighbors.jaccard_kernels` they process a range of rows. Beyond their arguments they hold only a
few values per row, so that they are also suitable for memory-mapped arrays; SciPy would copy these into memory.
"""

import numpy as np

from reseen.compiled import compiled
from reseen.neighbors.csr import Rows


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
    """Set row i of `output` to `share` times the sum of the rows `nearby[i]`, with sorted columns.

    With an empty output, only the number of entries is counted, into `lengths`.
    """
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
    """Count the entries of the columns `begin` to `end` into `lengths`."""
    for entry in range(columns.shape[0]):
        column = columns[entry]
        if begin <= column < end:
            lengths[column] += 1


@compiled()
def transpose(begin: int, end: int, rows: Rows, free: np.ndarray, output: Rows) -> None:
    """Write the entries of the columns `begin` to `end` with sorted rows; `free` is the next free slot of each column.

    Every range reads all entries and writes to a contiguous part of the output, so that a memory-mapped output is
    written sequentially.
    """
    start, columns, weights = rows
    _, out_rows, out_weights = output
    for i in range(start.shape[0] - 1):
        for entry in range(start[i], start[i + 1]):
            column = columns[entry]
            if begin <= column < end:
                slot = free[column]
                out_rows[slot] = i
                out_weights[slot] = weights[entry]
                free[column] = slot + 1


@compiled()
def sort_rows(begin: int, end: int, rows: Rows) -> None:
    """Sort the entries of every row by column, in place."""
    start, columns, values = rows
    for i in range(begin, end):
        part = slice(start[i], start[i + 1])
        order = np.argsort(columns[part])
        columns[part] = columns[part][order]
        values[part] = values[part][order]


@compiled()
def keep_largest(
    begin: int,
    end: int,
    products: np.ndarray,
    lists: np.ndarray,
    own: np.ndarray,
    names: np.ndarray,
    values: np.ndarray,
    indices: np.ndarray,
) -> None:
    """Merge rows `begin` to `end` of a block of products into top-k lists, excluding the owner of each list.

    Row i belongs to list `lists[i]`, whose owner is `own[lists[i]]`; column j is named `names[j]`. `values` and
    `indices` are the lists, descending, (q, k) float32 and int64. Ties keep the earlier entry first.
    """
    last = values.shape[1] - 1
    for i in range(begin, end):
        row, target = products[i], lists[i]
        least = values[target, last]
        for j in range(row.shape[0]):
            if row[j] > least and names[j] != own[target]:
                least = insert(row[j], names[j], values[target], indices[target])


@compiled()
def insert(value: np.float32, name: int, values: np.ndarray, indices: np.ndarray) -> np.float32:
    """Insert a value larger than the last one into a descending list, in place; returns the new last value."""
    position = values.shape[0] - 1
    while position > 0 and values[position - 1] < value:
        values[position] = values[position - 1]
        indices[position] = indices[position - 1]
        position -= 1
    values[position] = value
    indices[position] = name
    return values[values.shape[0] - 1]


@compiled()
def blend(
    begin: int,
    end: int,
    first: int,
    rows: Rows,
    lists: Rows,
    scale: np.ndarray,
    weight: np.float32,
    block: np.ndarray,
) -> None:
    """Replace rows `begin` to `end` of a block of cosine similarities (b, g) by negated re-ranked distances, in place.

    Row 0 of the block is query `first`. `rows` are the encodings of all queries, with sum 1; `lists` those of the
    gallery by column. `weight` is the weight of the squared distance, `scale` its factor per query.
    """
    start, columns, weights = rows
    list_start, list_rows, list_weights = lists
    shared = np.zeros(block.shape[1], np.float64)
    for row in range(begin, end):
        query = first + row
        for entry in range(start[query], start[query + 1]):
            column = columns[entry]
            for other in range(list_start[column], list_start[column + 1]):
                shared[list_rows[other]] += min(weights[entry], list_weights[other])
        for j in range(block.shape[1]):
            jaccard = max(0.0, 1 - shared[j] / (2 - shared[j]))
            distance = max(0.0, 2 - 2 * block[row, j]) * scale[query]
            block[row, j] = -(weight * distance + (1 - weight) * jaccard)
            shared[j] = 0
