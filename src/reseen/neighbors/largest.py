"""A compiled loop that keeps the largest inner products of each row, cached on disk beside this file."""

import numpy as np

from reseen.neighbors.kernels import compiled


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
