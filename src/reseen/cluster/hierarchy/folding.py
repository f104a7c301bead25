"""Pairs of clusters under new names: pairs that have become one are folded together, in time linear in their number."""

import numpy as np
from jaxtyping import Float64, Int32, Int64
from scipy.sparse import csr_array

from reseen.neighbors.kernels import compiled

Folded = tuple[Int32[np.ndarray, " q"], Int32[np.ndarray, " q"], Float64[np.ndarray, " q"]]


def fold_pairs(
    first: Int32[np.ndarray, " p"],
    second: Int32[np.ndarray, " p"],
    values: Float64[np.ndarray, " p"],
    target: Int64[np.ndarray, " n"],
    largest: bool = False,
) -> Folded:
    """Name every pair anew, drop those within one name, and sum the values of equals, or take the largest.

    The smaller name of a pair comes first; equals are added in the order in which they stood. Stands in memory beside
    the pairs: 16 bytes for each that is left or folded away, and as many again where less than half are left.
    """
    begins = np.zeros(len(target) + 1, np.int64)
    _count(first, second, target, begins)
    np.cumsum(begins, out=begins)
    others, sorted_values = np.empty(begins[-1], np.int32), np.empty(begins[-1])
    _deal(first, second, values, target, begins[:-1].copy(), others, sorted_values)
    names = np.empty(begins[-1], np.int32)
    kept = _fold(begins, others, sorted_values, np.full(len(target), -1, np.int64), largest, names)
    found = names[:kept], others[:kept], sorted_values[:kept]
    return found if 2 * kept > len(names) else (found[0].copy(), found[1].copy(), found[2].copy())


def similar_pairs(distances: csr_array) -> Folded:
    """Each pair of a symmetric matrix of distances once, the smaller row first, with 1 less the distance."""
    start, columns, values = distances.indptr.astype(np.int64), distances.indices, distances.data
    count = _above_diagonal(start, columns)
    first, second, similarity = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count)
    _pick(start, columns, values, first, second, similarity)
    return first, second, similarity


@compiled()
def _above_diagonal(start: np.ndarray, columns: np.ndarray) -> int:
    """Entries to the right of the diagonal."""
    count = 0
    for row in range(len(start) - 1):
        for place in range(start[row], start[row + 1]):
            count += columns[place] > row
    return count


@compiled()
def _pick(
    start: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    similarity: np.ndarray,
) -> None:
    """Write those entries, row by row."""
    kept = 0
    for row in range(len(start) - 1):
        for place in range(start[row], start[row + 1]):
            if columns[place] > row:
                first[kept], second[kept] = row, columns[place]
                similarity[kept] = 1 - np.float64(values[place])
                kept += 1


@compiled()
def _count(first: np.ndarray, second: np.ndarray, target: np.ndarray, begins: np.ndarray) -> None:
    """Pairs of each smaller name, one place further on."""
    for place in range(len(first)):
        one, other = target[first[place]], target[second[place]]
        if one != other:
            begins[min(one, other) + 1] += 1


@compiled()
def _deal(
    first: np.ndarray,
    second: np.ndarray,
    values: np.ndarray,
    target: np.ndarray,
    free: np.ndarray,
    others: np.ndarray,
    sorted_values: np.ndarray,
) -> None:
    """Put the pairs of each smaller name side by side."""
    for place in range(len(first)):
        one, other = target[first[place]], target[second[place]]
        if one != other:
            name = min(one, other)
            others[free[name]], sorted_values[free[name]] = max(one, other), values[place]
            free[name] += 1


@compiled()
def _fold(
    begins: np.ndarray,
    others: np.ndarray,
    values: np.ndarray,
    seen: np.ndarray,
    largest: bool,
    names: np.ndarray,
) -> int:
    """Fold equals, in place; how many pairs are left."""
    kept = 0
    for name in range(len(begins) - 1):
        start = kept
        for place in range(begins[name], begins[name + 1]):
            other, value = others[place], values[place]
            where = seen[other]
            if where < start:
                seen[other] = kept
                names[kept], others[kept], values[kept] = name, other, value
                kept += 1
            elif largest:
                values[where] = max(values[where], value)
            else:
                values[where] += value
    return kept
