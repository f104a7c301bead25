r"""The largest inner products of rows, exact, each pair of rows multiplied once.

Rows are `[v, u]`, and what counts for a row a and another b is $f v_a \cdot v_b - u_b$: of two rows either learns
its product with the other from $v_a \cdot v_b$. So the rows that are looked up stand first, a block of their
products with each other serves its rows and its columns, and only those with the rest serve rows alone.
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
"""Products of a block below which starting threads costs more than it saves."""


class LargestProducts:
    """The k largest products that each of some rows has met so far.

    Attributes:
        values: descending; -inf where there is none yet, (m, k).
        names: the other row, -1 where there is none yet, (m, k).
    """

    def __init__(self, own: Int64[np.ndarray, " m"], k: int) -> None:
        """Lists for the rows named `own`, which never find themselves."""
        self._own = own
        self.values = np.full((len(own), k), -np.inf, np.float32)
        self.names = np.full((len(own), k), -1, np.int64)

    def take(
        self,
        products: Float32[np.ndarray, "r c"],
        lists: Int64[np.ndarray, " r"],
        names: Int64[np.ndarray, " c"],
        spread: bool = True,
    ) -> None:
        """Rows of a block take its columns: row i is that of list `lists[i]`, column j is named `names[j]`.

        Work is spread over threads where there is enough of it, or not at all: for callers that are threads.
        """
        run = in_ranges if spread and products.size >= _FEWEST_FOR_THREADS else _one_range
        run(keep_largest, len(products), products, lists, self._own, names, self.values, self.names)

    def take_across(
        self,
        products: Float32[np.ndarray, "r c"],
        offsets: Float32[np.ndarray, " r"],
        names: Int64[np.ndarray, " r"],
        first: int,
        shifts: Float32[np.ndarray, " c"],
    ) -> None:
        """Columns of a block take its rows: column j is that of list `first + j`.

        `offsets` and `shifts` are the u of rows and columns.
        """
        run = in_ranges if products.size >= _FEWEST_FOR_THREADS else _one_range
        inputs = (products, offsets, names, first, shifts, self.values, self.names)
        run(keep_largest_across, products.shape[1], *inputs)


def as_queries(rows: Float32[np.ndarray, "m d1"], factor: float) -> Float32[np.ndarray, "m d1"]:
    """Rows `[v, u]` as `[f v, -1]`, in place."""
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
    """The k largest products of each named row with the other rows alive; both are ascending."""
    best = LargestProducts(names, k)
    columns = _blocks(names) + _blocks(np.setdiff1d(alive, names, assume_unique=True))
    places = np.arange(len(names))
    for at, block in enumerate(_blocks(names)):
        begin = at * _ROWS_AT_ONCE
        lists, queries = places[begin : begin + len(block)], as_queries(rows[block], factor)
        for across, others in enumerate(columns[at:], start=at):
            products = product(queries, rows[others])
            best.take(products, lists, others)
            if at < across and across * _ROWS_AT_ONCE < len(names):
                offsets, shifts = rows[block, -1], rows[others, -1]
                best.take_across(products, offsets, block, across * _ROWS_AT_ONCE, shifts)
    return best


def _one_range(kernel: Callable[..., None], rows: int, *inputs: Any) -> None:
    kernel(0, rows, *inputs)


def _blocks(names: Int64[np.ndarray, " m"]) -> list[Int64[np.ndarray, " r"]]:
    return [names[begin : begin + _ROWS_AT_ONCE] for begin in range(0, len(names), _ROWS_AT_ONCE)]
