"""Compiled kernel that ranks the positives of each query without sorting the gallery.

The rank of a positive is its rank among the positives plus the number of negatives at least as similar. So only the
few positives are sorted; the long row of similarities is only compared and counted.
"""

import numpy as np
from jaxtyping import Float32, Int64

from reseen.compiled import compiled

_SCAN_LIMIT = 256
"""Number of thresholds up to which one vectorized pass per threshold beats a binary search per value."""

_CHUNK = 4096
"""Values per chunk, each compared with every threshold in turn: 16 kB, which fits into the L1 cache."""


@compiled()
def write_ranks(
    similarities: Float32[np.ndarray, "b g"],
    row_start: int,
    row_stop: int,
    first_query: int,
    cameras: Int64[np.ndarray, " q"],
    group_starts: Int64[np.ndarray, " q"],
    group_stops: Int64[np.ndarray, " q"],
    group_order: Int64[np.ndarray, " g"],
    group_cameras: Int64[np.ndarray, " g"],
    offsets: Int64[np.ndarray, " q_plus_1"],
    ranks: Int64[np.ndarray, " m"],
) -> None:
    """Fill `ranks[offsets[q]:offsets[q + 1]]`, ascending, for rows `row_start` to `row_stop` of a block.

    Args:
        similarities: a block of queries by the whole gallery; block row 0 is query `first_query`.
        row_start: first block row to process.
        row_stop: last block row, exclusive.
        first_query: the query of block row 0.
        cameras: cameras of the queries, negative if unknown.
        group_starts: start in `group_order` of the query's identity.
        group_stops: its end, exclusive.
        group_order: gallery rows sorted by identity.
        group_cameras: the cameras of `group_order`.
        offsets: offset of each query's ranks in `ranks`.
        ranks: output, written in place; ranks start at 1.
    """
    for row in range(row_start, row_stop):
        query = first_query + row
        count = offsets[query + 1] - offsets[query]
        if count == 0:
            continue
        start, stop = group_starts[query], group_stops[query]
        same_person = np.empty(stop - start, dtype=np.float32)
        positives = np.empty(count, dtype=np.float32)
        filled = 0
        for member in range(start, stop):
            similarity = similarities[row, group_order[member]]
            same_person[member - start] = similarity
            if cameras[query] < 0 or group_cameras[member] != cameras[query]:
                positives[filled] = similarity
                filled += 1
        positives.sort()
        # The row also holds all images of the query's person; subtracting them leaves the negatives.
        negatives = _at_least(similarities[row], positives) - _at_least(same_person, positives)
        for index in range(count):
            ranks[offsets[query] + index] = index + 1 + negatives[count - 1 - index]


@compiled()
def _at_least(
    values: Float32[np.ndarray, " n"], thresholds: Float32[np.ndarray, " m"]
) -> Int64[np.ndarray, " m"]:
    """The number of values at or above each of the ascending thresholds; ties count, so they favor negatives."""
    counts = np.zeros(len(thresholds), dtype=np.int64)
    if len(thresholds) <= _SCAN_LIMIT:
        for start in range(0, len(values), _CHUNK):
            chunk = values[start : start + _CHUNK]
            for index in range(len(thresholds)):
                threshold, reached = thresholds[index], np.int32(0)
                for offset in range(len(chunk)):  # by index: `in chunk` is not vectorized by the compiler
                    reached += np.int32(1) if chunk[offset] >= threshold else np.int32(0)
                counts[index] += reached
        return counts
    for value in values:
        if value >= thresholds[0]:
            counts[np.searchsorted(thresholds, value, side="right") - 1] += 1
    for index in range(len(thresholds) - 2, -1, -1):
        counts[index] += counts[index + 1]
    return counts
