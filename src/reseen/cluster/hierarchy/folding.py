"""Pairs of clusters under new names: pairs that have become one are folded together, in time linear in their number."""

import numpy as np
from jaxtyping import Float64, Int32, Int64

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

    The smaller name of a pair comes first; equals are added in the order in which they stood.
    """
    begins = np.zeros(len(target) + 1, np.int64)
    _count(first, second, target, begins)
    np.cumsum(begins, out=begins)
    others, sorted_values = np.empty(begins[-1], np.int32), np.empty(begins[-1])
    _deal(first, second, values, target, begins[:-1].copy(), others, sorted_values)
    names = np.empty(begins[-1], np.int32)
    kept = _fold(begins, others, sorted_values, np.full(len(target), -1, np.int64), largest, names)
    return names[:kept].copy(), others[:kept].copy(), sorted_values[:kept].copy()


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
