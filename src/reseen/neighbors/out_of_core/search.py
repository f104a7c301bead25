"""Nearest rows of vectors that lie on disk, block of queries by block of queries, exact or through inverted lists.

Blocks that are done lie on disk with a note, so that work that was stopped goes on there.
"""

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float32, Int64
from pydantic import Field

from reseen.config import Settings
from reseen.neighbors.out_of_core.inverted_lists import (
    LEAST_QUERIES,
    InvertedListsOnDisk,
    list_count,
    room_for_centers,
    room_per_query,
)
from reseen.neighbors.out_of_core.scratch import Scratch
from reseen.neighbors.out_of_core.tiles import SHARD, TILE, Best, room_of_tile, search_shards
from reseen.records import Features, Neighbors

EXACT_UP_TO = 100_000
"""Rows up to which search `auto` is exact."""

_MOST_QUERIES = 1 << 16
"""Queries of a block; after each, work can be stopped without loss."""
_STAGE = "search"


class SearchSettings(Settings):
    """How neighbors are looked for among vectors on disk."""

    mode: Literal["auto", "exact", "approximate"] = "auto"
    """`auto` is exact up to 100,000 rows."""

    probes: Annotated[int, Field(ge=1)] = 64
    """Inverted lists that an approximate search looks into; more finds more and takes longer in proportion."""

    def approximates(self, rows: int) -> bool:
        """Whether a search among so many rows looks into some lists alone."""
        return self.mode == "approximate" or (self.mode == "auto" and rows > EXACT_UP_TO)

    def describe(self, rows: int) -> str:
        """One line for a person."""
        if not self.approximates(rows):
            return f"exact search: every pair of {rows:,} rows is compared"
        lists = list_count(rows)
        return (
            f"approximate search: {rows:,} rows in {lists:,} lists on disk, of which each row looks into "
            f"{min(self.probes, lists):,}; neighbors elsewhere are missed"
        )

    def work(self, rows: int) -> int:
        """How much `nearest_mapped` reports to its progress in all."""
        return 2 * rows if self.approximates(rows) else rows * -(-rows // SHARD)

    def least_room(self, rows: int, dimension: int, k: int) -> int:
        """Bytes of memory that a search needs in the smallest blocks."""
        if not self.approximates(rows):
            return room_of_tile(dimension) + TILE * 24 * k
        block = LEAST_QUERIES * (room_per_query(k, self.probes) + 4 * dimension)
        return max(room_for_centers(rows, dimension), room_of_tile(dimension) + block)


def nearest_mapped(
    features: Features,
    k: int,
    scratch: Scratch,
    settings: SearchSettings,
    room: int,
    key: str,
    progress: Callable[[int], None] = lambda _: None,
) -> Neighbors:
    """The `k` nearest rows of every row, mapped from `scratch`, ordered as `nearest` orders them.

    `room` is how many bytes blocks may take, and changes nothing else: an exact search gives the same bits under any,
    and of rows with equal products the smaller one. `key` names what the features are, so that blocks found by an
    earlier call with the same key are not searched again. `progress` is called with `settings.work` in all.

    Raises:
        ValueError: `k` is below 1, or the features are raw.
        StorageError: the disk is full.
    """
    if features.raw:
        raise ValueError("a search for neighbors needs unit rows, got raw features")
    if k < 1:
        raise ValueError(f"a search needs k of at least 1 (the row itself counts), got {k}")
    n, k = len(features), min(k, len(features))
    note = scratch.note(_STAGE)
    begun = int(note["rows"]) if note.get("key") == key else 0
    if begun == 0:
        scratch.array("indices", (n, k), np.int32)
        scratch.array("distances", (n, k), np.float32)
    indices, distances = scratch.open("indices"), scratch.open("distances")
    search, at_once = _searcher(features, k - 1, scratch, settings, room, key, progress)
    progress(begun * settings.work(n) // max(n, 1) if not settings.approximates(n) else begun)
    for begin in range(begun, n, at_once):
        queries = np.arange(begin, min(begin + at_once, n))
        part = slice(begin, begin + len(queries))
        indices[part], distances[part] = _itself_first(queries, *search(queries))
        for name in ("indices", "distances"):
            scratch.flush(name)
        scratch.write_note(_STAGE, key, rows=begin + len(queries))
    return Neighbors(indices, distances)


def _searcher(
    features: Features,
    k: int,
    scratch: Scratch,
    settings: SearchSettings,
    room: int,
    key: str,
    progress: Callable[[int], None],
) -> tuple[Callable[[Int64[np.ndarray, " q"]], Best], int]:
    """A search for the k others of some rows, and how many rows it takes at once."""
    rows = features.numpy
    if not settings.approximates(len(rows)):
        free = max(0, room - room_of_tile(rows.shape[1]))
        at_once = TILE * int(min(_MOST_QUERIES, max(TILE, free // (24 * k + 24))) // TILE)
        return lambda queries: search_shards(
            rows, queries, k, lambda shards: progress(shards * len(queries))
        ), at_once
    lists = InvertedListsOnDisk(rows, scratch, key, progress)

    def look(queries: Int64[np.ndarray, " q"]) -> Best:
        best = lists.search(queries, k, settings.probes)
        progress(len(queries))
        return best

    per_query = room_per_query(k, settings.probes) + 4 * rows.shape[1]
    free = max(0, room - room_of_tile(rows.shape[1]))
    return look, int(min(_MOST_QUERIES, max(LEAST_QUERIES, free // per_query)))


def _itself_first(
    queries: Int64[np.ndarray, " q"], products: Float32[np.ndarray, "q k"], found: Int64[np.ndarray, "q k"]
) -> tuple[Int64[np.ndarray, "q k1"], Float32[np.ndarray, "q k1"]]:
    """Row numbers and squared distances with the row itself at distance 0 in front; of equals the smaller row first."""
    distances = np.maximum(2 - 2 * products, 0)
    order = np.lexsort((found, distances), axis=-1)
    indices = np.concatenate([queries[:, None], np.take_along_axis(found, order, 1)], axis=1)
    return indices, np.pad(np.take_along_axis(distances, order, 1), ((0, 0), (1, 0)))
