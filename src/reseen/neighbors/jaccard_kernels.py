"""Compiled loops of the Jaccard distance; each processes a range of rows.

A kernel that produces sparse rows is called twice: with empty outputs it only counts the entries of each row, with
outputs of the right length it fills them. Scratch arrays belong to a range of rows, so that memory grows with rows
times threads, not with rows times rows.

Ranges are distributed over plain threads (`in_ranges`); the kernels release the GIL. Numba's parallel loops are not
used: they share torch's OpenMP runtime and change its number of threads, which on a busy machine made later torch
operations tens of times slower.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from reseen.compiled import compiled
from reseen.neighbors.csr import Rows

_RANGES_PER_THREAD = 4
"""More ranges than threads balance the load when rows differ in work."""


def in_ranges(kernel: Callable[..., None], rows: int, *inputs: Any, first: int = 0) -> None:
    """Run `kernel(begin, end, *inputs)` over the rows `first` to `rows` on as many threads as torch uses."""
    threads = torch.get_num_threads()
    if threads == 1 or rows <= first:
        kernel(first, rows, *inputs)
        return
    edges = np.linspace(first, rows, min(rows - first, threads * _RANGES_PER_THREAD) + 1).astype(np.int64)
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda begin, end: kernel(begin, end, *inputs), edges[:-1], edges[1:]):
            pass


@compiled()
def mutual(begin: int, end: int, ranks: np.ndarray, result: np.ndarray) -> None:
    """Set `result` (n, k), initially False, where row i is in the list of its neighbor `ranks[i, t]` (int32)."""
    k = ranks.shape[1]
    for i in range(begin, end):
        for t in range(k):
            for back in range(k):
                if ranks[ranks[i, t], back] == i:
                    result[i, t] = True
                    break


@compiled()
def expand(
    begin: int,
    end: int,
    ranks: np.ndarray,
    near: np.ndarray,
    half_ranks: np.ndarray,
    half_near: np.ndarray,
    distances: np.ndarray,
    vectors: np.ndarray,
    scale: np.ndarray,
    output: Rows,
    lengths: np.ndarray,
) -> None:
    """Expanded reciprocal sets and their weights, as sparse rows with columns in order of discovery.

    Row i starts with its mutual neighbors (`near`) and adds the mutual half-list of each neighbor of which more than
    two thirds are in the initial set; weights are exp(-distance * scale[i]), normalized to sum 1.
    """
    n, k = ranks.shape
    half = half_ranks.shape[1]
    start, columns, weights = output
    counting = columns.shape[0] == 0
    in_base = np.full(n, -1, np.int32)
    in_all = np.full(n, -1, np.int32)
    members = np.empty(k + k * half, np.int32)
    for i in range(begin, end):
        count = 0
        for t in range(k):
            if near[i, t]:
                in_base[ranks[i, t]] = i
                count = _add(ranks[i, t], i, in_all, members, count)
        for position in range(count):
            candidate = members[position]
            if _mostly_inside(i, half_ranks, half_near, candidate, in_base):
                for t in range(half):
                    if half_near[candidate, t]:
                        count = _add(half_ranks[candidate, t], i, in_all, members, count)
        lengths[i] = count
        if counting:
            continue
        total = 0.0
        for t in range(count):
            weight = math.exp(-_distance(i, members[t], vectors, ranks, distances) * scale[i])
            columns[start[i] + t] = members[t]
            weights[start[i] + t] = weight
            total += weight
        for t in range(count):
            weights[start[i] + t] /= total


@compiled()
def overlap(
    begin: int,
    end: int,
    rows: Rows,
    lists: Rows,
    threshold: np.float32,
    output: Rows,
    lengths: np.ndarray,
) -> None:
    """Jaccard distances up to `threshold` between sparse rows of sum 1, with an explicit 0 on the diagonal.

    `lists` are the same entries by column. With s the sum of the element-wise minimum of two rows, their distance is
    1 - s / (2 - s). Columns of `rows` must be sorted: both directions of a pair then add in the same order and the
    result is exactly symmetric. Columns of `output` are not sorted.
    """
    start, columns, weights = rows
    list_start, list_rows, list_weights = lists
    out_start, out_columns, out_values = output
    n = start.shape[0] - 1
    counting = out_columns.shape[0] == 0
    shared = np.zeros(n, np.float64)
    touched = np.empty(n, np.int32)
    for i in range(begin, end):
        touched_count = 0
        for entry in range(start[i], start[i + 1]):
            column = columns[entry]
            for other in range(list_start[column], list_start[column + 1]):
                j = list_rows[other]
                if shared[j] == 0:
                    touched[touched_count] = j
                    touched_count += 1
                shared[j] += min(weights[entry], list_weights[other])
        count = 0
        for t in range(touched_count):
            j = touched[t]
            distance = np.float32(0)
            if j != i:
                distance = np.float32(max(0.0, 1 - shared[j] / (2 - shared[j])))
            shared[j] = 0
            if distance <= threshold:
                if not counting:
                    out_columns[out_start[i] + count] = j
                    out_values[out_start[i] + count] = distance
                count += 1
        lengths[i] = count


@compiled()
def _add(member: int, row: int, stamp: np.ndarray, members: np.ndarray, count: int) -> int:
    """Append a member unless this row already has it; returns the new count."""
    if stamp[member] != row:
        stamp[member] = row
        members[count] = member
        count += 1
    return count


@compiled()
def _mostly_inside(
    row: int, half_ranks: np.ndarray, half_near: np.ndarray, candidate: int, in_base: np.ndarray
) -> bool:
    """Whether more than two thirds of the candidate's mutual half-list are in the row's initial set."""
    size = 0
    common = 0
    for t in range(half_ranks.shape[1]):
        if half_near[candidate, t]:
            size += 1
            if in_base[half_ranks[candidate, t]] == row:
                common += 1
    return 3 * common > 2 * size


@compiled()
def _distance(i: int, j: int, vectors: np.ndarray, ranks: np.ndarray, distances: np.ndarray) -> np.float32:
    """Squared distance: looked up if j is in the list of i, else computed from the vectors."""
    for t in range(ranks.shape[1]):
        if ranks[i, t] == j:
            return distances[i, t]
    return max(np.float32(2) - np.float32(2) * _dot(vectors[i], vectors[j]), np.float32(0))


@compiled(fastmath={"reassoc", "contract", "nsz"})
def _dot(a: np.ndarray, b: np.ndarray) -> np.float32:
    """Inner product in float32, in no fixed order of summation."""
    total = np.float32(0)
    for t in range(a.shape[0]):
        total += a[t] * b[t]
    return total
