"""Blocks of queries against shards of mapped rows, the best of all shards kept: exact.

Tiles and shards lie on one grid however much memory there is, so that their products, and with them the neighbors,
are the same bits under any budget.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Int64

SHARD = 4096
"""Rows of the database that are multiplied at once."""

TILE = 512
"""Queries that are multiplied at once."""

Best = tuple[Float32[np.ndarray, "q k"], Int64[np.ndarray, "q k"]]
"""Products, descending, and row numbers, -1 where there is none; of equal products the smaller row first."""


def room_of_tile(dimension: int) -> int:
    """Bytes that the product of a tile with a shard takes, and copies of both at the most."""
    return 4 * (TILE * SHARD + (TILE + SHARD) * dimension)


def nothing_found(count: int, k: int) -> Best:
    """Lists for so many queries before any search."""
    return np.full((count, k), -np.inf, np.float32), np.full((count, k), -1, np.int64)


def search_shards(
    rows: Float32[np.ndarray, "n d"],
    queries: Int64[np.ndarray, " q"],
    k: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Best:
    """The k largest inner products of these rows with all others; `progress` is called once for each shard."""
    from reseen.neighbors.jaccard_kernels import in_ranges
    from reseen.neighbors.row_kernels import keep_largest

    values, found = nothing_found(len(queries), k)
    lists = np.arange(len(queries))
    for begin in range(0, len(rows), SHARD):
        shard, names = rows[begin : begin + SHARD], np.arange(begin, min(begin + SHARD, len(rows)))
        for first in range(0, len(queries) if k else 0, TILE):
            part = slice(first, first + TILE)
            product = rows[queries[part]] @ shard.T
            in_ranges(keep_largest, len(product), product, lists[part], queries, names, values, found)
        progress(1)
    return values, found
