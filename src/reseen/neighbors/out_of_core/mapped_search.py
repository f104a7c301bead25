"""Nearest neighbors of vectors on disk, in blocks of queries: exact, or approximate by inverted lists.

Finished blocks are recorded on disk, so that an interrupted search can be resumed.
"""

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float32, Int64
from pydantic import Field

from reseen.config import Settings
from reseen.neighbors.out_of_core.inverted_lists_on_disk import (
    LEAST_QUERIES,
    InvertedListsOnDisk,
    center_bytes,
    list_count,
    query_bytes,
)
from reseen.neighbors.out_of_core.scratch import Scratch
from reseen.neighbors.out_of_core.tiles import SHARD, TILE, TopK, search_shards, tile_bytes
from reseen.records import Features, Neighbors

EXACT_UP_TO = 100_000
"""Largest number of rows for which mode `auto` is exact."""

_MOST_QUERIES = 1 << 16
"""Largest number of queries per block; a search can be resumed after each block."""
_STAGE = "search"


class SearchSettings(Settings):
    """Settings of the nearest-neighbor search for vectors on disk."""

    mode: Literal["auto", "exact", "approximate"] = "auto"
    """`auto` is exact up to 100,000 rows, and approximate above."""

    probes: Annotated[int, Field(ge=1)] = 64
    """Inverted lists probed by an approximate search; recall and time grow with it."""

    def approximates(self, rows: int) -> bool:
        """Whether a search among this number of rows is approximate."""
        return self.mode == "approximate" or (self.mode == "auto" and rows > EXACT_UP_TO)

    def describe(self, rows: int) -> str:
        """A one-line description of the search, for messages."""
        if not self.approximates(rows):
            return f"exact search: every pair of {rows:,} rows is compared"
        lists = list_count(rows)
        return (
            f"approximate search: {rows:,} rows in {lists:,} inverted lists on disk, of which each row probes "
            f"{min(self.probes, lists):,}; neighbors in other lists are missed"
        )

    def work(self, rows: int) -> int:
        """Total that `nearest_mapped` reports to its `progress`."""
        return 2 * rows if self.approximates(rows) else rows * -(-rows // SHARD)

    def least_memory(self, rows: int, dimension: int, k: int) -> int:
        """Memory in bytes that a search needs with the smallest blocks."""
        if not self.approximates(rows):
            return tile_bytes(dimension) + TILE * 24 * k
        block = LEAST_QUERIES * (query_bytes(k, self.probes) + 4 * dimension)
        return max(center_bytes(rows, dimension), tile_bytes(dimension) + block)


def nearest_mapped(
    features: Features,
    k: int,
    scratch: Scratch,
    settings: SearchSettings,
    memory: int,
    key: str,
    progress: Callable[[int], None] = lambda _: None,
) -> Neighbors:
    """The `k` nearest rows of every row, memory-mapped from `scratch`, sorted as by `nearest`.

    `memory` limits the bytes that blocks use and does not change the result: an exact search is bitwise identical for
    any limit, with ties going to the smaller row number. `key` identifies the features, so that blocks finished by an
    earlier call with the same key are reused. `progress` is called with a total of `settings.work(n)`.

    Raises:
        ValueError: `k` is below 1, or the features are raw.
        StorageError: the disk is full.

    Example:
        scratch = Scratch(folder)
        neighbors = nearest_mapped(features, 30, scratch, SearchSettings(), memory=1 << 30, key="my features")
    """
    if features.raw:
        raise ValueError("nearest-neighbor search needs unit vectors, got raw features")
    if k < 1:
        raise ValueError(f"nearest-neighbor search needs k of at least 1 (including the row itself), got {k}")
    n, k = len(features), min(k, len(features))
    note = scratch.note(_STAGE)
    finished = int(note["rows"]) if note.get("key") == key else 0
    if finished == 0:
        scratch.array("indices", (n, k), np.int32)
        scratch.array("distances", (n, k), np.float32)
    indices, distances = scratch.open("indices"), scratch.open("distances")
    search, at_once = _searcher(features, k - 1, scratch, settings, memory, key, progress)
    progress(finished * settings.work(n) // max(n, 1) if not settings.approximates(n) else finished)
    for begin in range(finished, n, at_once):
        queries = np.arange(begin, min(begin + at_once, n))
        part = slice(begin, begin + len(queries))
        indices[part], distances[part] = _self_first(queries, *search(queries))
        for name in ("indices", "distances"):
            scratch.flush(name)
        scratch.write_note(_STAGE, key, rows=begin + len(queries))
    return Neighbors(indices, distances)


def _searcher(
    features: Features,
    k: int,
    scratch: Scratch,
    settings: SearchSettings,
    memory: int,
    key: str,
    progress: Callable[[int], None],
) -> tuple[Callable[[Int64[np.ndarray, " q"]], TopK], int]:
    """A function that finds the k nearest others of given rows, and the number of rows per block."""
    rows = features.numpy
    if not settings.approximates(len(rows)):
        free = max(0, memory - tile_bytes(rows.shape[1]))
        at_once = TILE * int(min(_MOST_QUERIES, max(TILE, free // (24 * k + 24))) // TILE)
        return lambda queries: search_shards(
            rows, queries, k, lambda shards: progress(shards * len(queries))
        ), at_once
    lists = InvertedListsOnDisk(rows, scratch, key, progress)

    def search(queries: Int64[np.ndarray, " q"]) -> TopK:
        top = lists.search(queries, k, settings.probes)
        progress(len(queries))
        return top

    per_query = query_bytes(k, settings.probes) + 4 * rows.shape[1]
    free = max(0, memory - tile_bytes(rows.shape[1]))
    return search, int(min(_MOST_QUERIES, max(LEAST_QUERIES, free // per_query)))


def _self_first(
    queries: Int64[np.ndarray, " q"], products: Float32[np.ndarray, "q k"], others: Int64[np.ndarray, "q k"]
) -> tuple[Int64[np.ndarray, "q k1"], Float32[np.ndarray, "q k1"]]:
    """Row numbers and squared distances, with the row itself first at distance 0; ties go to the smaller row number."""
    distances = np.maximum(2 - 2 * products, 0)
    order = np.lexsort((others, distances), axis=-1)
    indices = np.concatenate([queries[:, None], np.take_along_axis(others, order, 1)], axis=1)
    return indices, np.pad(np.take_along_axis(distances, order, 1), ((0, 0), (1, 0)))
