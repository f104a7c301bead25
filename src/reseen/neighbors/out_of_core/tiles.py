"""Exact search of tiles of queries against shards of memory-mapped rows, with a running top-k.

Tiles and shards are on a fixed grid, independent of the memory limit, so that their products, and thus the neighbors,
are bitwise identical for any limit.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Int64

SHARD = 4096
"""Database rows per matrix product."""

TILE = 512
"""Queries per matrix product."""

TopK = tuple[Float32[np.ndarray, "q k"], Int64[np.ndarray, "q k"]]
"""Inner products, descending, and row numbers, padded with -inf and -1; ties go to the smaller row number."""


def tile_bytes(dimension: int) -> int:
    """Memory in bytes of the product of a tile and a shard, including copies of both."""
    return 4 * (TILE * SHARD + (TILE + SHARD) * dimension)


def empty_topk(count: int, k: int) -> TopK:
    """Empty top-k lists for `count` queries."""
    return np.full((count, k), -np.inf, np.float32), np.full((count, k), -1, np.int64)


def search_shards(
    rows: Float32[np.ndarray, "n d"],
    queries: Int64[np.ndarray, " q"],
    k: int,
    progress: Callable[[int], None] = lambda _: None,
) -> TopK:
    """The k largest inner products of the rows `queries` with all other rows; `progress` is called once per shard."""
    from reseen.neighbors.jaccard_kernels import in_ranges
    from reseen.neighbors.row_kernels import keep_largest

    values, indices = empty_topk(len(queries), k)
    lists = np.arange(len(queries))
    for begin in range(0, len(rows), SHARD):
        shard, names = rows[begin : begin + SHARD], np.arange(begin, min(begin + SHARD, len(rows)))
        for first in range(0, len(queries) if k else 0, TILE):
            part = slice(first, first + TILE)
            product = rows[queries[part]] @ shard.T
            in_ranges(keep_largest, len(product), product, lists[part], queries, names, values, indices)
        progress(1)
    return values, indices
