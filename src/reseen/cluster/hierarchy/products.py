r"""Exact maximum inner product search in which each pair of rows is multiplied once.

Rows are `[v, u]`, and the value of row b for row a is $f v_a \cdot v_b - u_b$, so that $v_a \cdot v_b$ gives the values
in both directions. The query rows are therefore put first: a block of their products with each other updates both its
rows and its columns, and only blocks with the remaining rows update rows alone.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from reseen.cluster.hierarchy.kernels import keep_largest_across
from reseen.neighbors.jaccard_kernels import in_ranges
from reseen.neighbors.row_kernels import keep_largest

_ROWS_AT_ONCE = 2048
_FEWEST_FOR_THREADS = 1 << 18
"""Smallest block, in products, that is processed by several threads."""


class LargestProducts:
    """A running top-k of products for each of some rows.

    Attributes:
        values: the largest values so far, descending, padded with -inf, (m, k).
        names: the other row of each value, padded with -1, (m, k).
    """

    def __init__(self, own: Int64[np.ndarray, " m"], k: int) -> None:
        """Empty lists for the rows named `own`; a row is excluded from its own list."""
        self._own = own
        self.values = np.full((len(own), k), -np.inf, np.float32)
        self.names = np.full((len(own), k), -1, np.int64)

    def update(
        self,
        products: Float32[np.ndarray, "r c"],
        lists: Int64[np.ndarray, " r"],
        names: Int64[np.ndarray, " c"],
        threaded: bool = True,
    ) -> None:
        """Merge the rows of a block into the lists: row i belongs to list `lists[i]`, column j is named `names[j]`.

        Large blocks are processed by several threads unless `threaded` is False, as for callers that are threads.
        """
        run = in_ranges if threaded and products.size >= _FEWEST_FOR_THREADS else _one_range
        run(keep_largest, len(products), products, lists, self._own, names, self.values, self.names)

    def update_columns(
        self,
        products: Float32[np.ndarray, "r c"],
        offsets: Float32[np.ndarray, " r"],
        names: Int64[np.ndarray, " r"],
        first: int,
        shifts: Float32[np.ndarray, " c"],
    ) -> None:
        """Merge the columns of a block into the lists: column j belongs to list `first + j`, row i is named `names[i]`.

        `offsets` and `shifts` are the u of rows and columns.
        """
        run = in_ranges if products.size >= _FEWEST_FOR_THREADS else _one_range
        inputs = (products, offsets, names, first, shifts, self.values, self.names)
        run(keep_largest_across, products.shape[1], *inputs)


def as_queries(rows: Float32[np.ndarray, "m d1"], factor: float) -> Float32[np.ndarray, "m d1"]:
    """Turn rows `[v, u]` into queries `[f v, -1]`, in place."""
    rows[:, :-1] *= factor
    rows[:, -1] = -1
    return rows


def product(
    queries: Float32[np.ndarray, "r d1"], base: Float32[np.ndarray, "c d1"]
) -> Float32[np.ndarray, "r c"]:
    """Inner products of every query with every row of the base."""
    return queries @ base.T


def largest_products(
    rows: Float32[np.ndarray, "n d1"],
    names: Int64[np.ndarray, " m"],
    alive: Int64[np.ndarray, " c"],
    factor: float,
    k: int,
) -> LargestProducts:
    """The k largest products of each named row with the other rows alive; `names` and `alive` must be sorted."""
    top = LargestProducts(names, k)
    columns = _blocks(names) + _blocks(np.setdiff1d(alive, names, assume_unique=True))
    positions = np.arange(len(names))
    for i, block in enumerate(_blocks(names)):
        begin = i * _ROWS_AT_ONCE
        lists, queries = positions[begin : begin + len(block)], as_queries(rows[block], factor)
        for j, others in enumerate(columns[i:], start=i):
            products = product(queries, rows[others])
            top.update(products, lists, others)
            if i < j and j * _ROWS_AT_ONCE < len(names):
                offsets, shifts = rows[block, -1], rows[others, -1]
                top.update_columns(products, offsets, block, j * _ROWS_AT_ONCE, shifts)
    return top


def _one_range(kernel: Callable[..., None], rows: int, *inputs: Any) -> None:
    kernel(0, rows, *inputs)


def _blocks(names: Int64[np.ndarray, " m"]) -> list[Int64[np.ndarray, " r"]]:
    return [names[begin : begin + _ROWS_AT_ONCE] for begin in range(0, len(names), _ROWS_AT_ONCE)]
