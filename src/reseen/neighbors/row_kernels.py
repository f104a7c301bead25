"""Compiled loops over sparse rows that work as well on arrays mapped from disk: mean, transpose, order.

Like those of `reseen.neighbors.jaccard_kernels` they work on a range, and none holds more than a few numbers per row
besides what it is given. SciPy's own would copy a mapped matrix into memory.

A compiled loop that keeps the largest inner products of each row, cached on disk beside this file.

The compiled loop of re-ranking: shared weights of a query and every gallery row, and the sum of two distances.
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


@compiled()
def keep_largest(
    begin: int,
    end: int,
    products: np.ndarray,
    lists: np.ndarray,
    own: np.ndarray,
    names: np.ndarray,
    values: np.ndarray,
    found: np.ndarray,
) -> None:
    """Rows `begin` to `end` of a block take the columns that belong into their lists, but for themselves.

    Row i fills list `lists[i]`, whose owner is `own[lists[i]]`; column j is `names[j]`. `values` and `found` are the
    lists, descending, (q, k) float32 and int64. Of equal products the one that came first stays first.
    """
    last = values.shape[1] - 1
    for i in range(begin, end):
        row, place = products[i], lists[i]
        least = values[place, last]
        for j in range(row.shape[0]):
            if row[j] > least and names[j] != own[place]:
                least = insert(row[j], names[j], values[place], found[place])


@compiled()
def insert(value: np.float32, name: int, values: np.ndarray, found: np.ndarray) -> np.float32:
    """Put a value into its place of a list that has smaller ones; the smallest left."""
    place = values.shape[0] - 1
    while place > 0 and values[place - 1] < value:
        values[place] = values[place - 1]
        found[place] = found[place - 1]
        place -= 1
    values[place] = value
    found[place] = name
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
    """Turn block rows `begin` to `end` of cosine similarities (b, g), in place, into re-ranked distances below zero.

    Block row 0 is query `first`. `rows`: encodings of all queries, sum 1; `lists`: those of the gallery by column.
    `weight` is the share of the squared distance, which `scale` (one number per query) is multiplied with.
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
