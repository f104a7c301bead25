"""The compiled inner loop of evaluation: where each positive stands in a ranked list that is never sorted.

A positive's rank is its place among the positives plus the negatives at least as similar as it. So only
the few positives are sorted; the long row of similarities is read, compared and counted.
"""

import numpy as np
from jaxtyping import Float32, Int64

from reseen.compiled import compiled

_SCAN_LIMIT = 256
"""Thresholds up to which a comparing pass for each (wide registers) beats a binary search per value."""

_STRETCH = 4096
"""Values compared with every threshold before going on: 16 kB, so that the passes read the nearest cache."""


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
        similarities: block of queries by the whole gallery; block row 0 is query `first_query`.
        row_start: first block row to handle.
        row_stop: block row to stop before.
        first_query: the query number of block row 0.
        cameras: of the queries, negative where unknown.
        group_starts: where in `group_order` the query's own identity begins.
        group_stops: where it ends.
        group_order: gallery rows sorted by identity.
        group_cameras: the cameras of `group_order`.
        offsets: where each query's ranks begin in `ranks`.
        ranks: written in place; ranks count from 1.
    """
    for row in range(row_start, row_stop):
        query = first_query + row
        count = offsets[query + 1] - offsets[query]
        if count == 0:
            continue
        start, stop = group_starts[query], group_stops[query]
        same_person = np.empty(stop - start, dtype=np.float32)
        positives = np.empty(count, dtype=np.float32)
        found = 0
        for place in range(start, stop):
            similarity = similarities[row, group_order[place]]
            same_person[place - start] = similarity
            if cameras[query] < 0 or group_cameras[place] != cameras[query]:
                positives[found] = similarity
                found += 1
        positives.sort()
        # The row holds the person's own images too; what is left after taking them off are negatives.
        negatives = _at_least(similarities[row], positives) - _at_least(same_person, positives)
        for index in range(count):
            ranks[offsets[query] + index] = index + 1 + negatives[count - 1 - index]


@compiled()
def _at_least(
    values: Float32[np.ndarray, " n"], thresholds: Float32[np.ndarray, " m"]
) -> Int64[np.ndarray, " m"]:
    """How many values reach each threshold (ascending). Reaching counts a tie: negatives win ties."""
    counts = np.zeros(len(thresholds), dtype=np.int64)
    if len(thresholds) <= _SCAN_LIMIT:
        for start in range(0, len(values), _STRETCH):
            stretch = values[start : start + _STRETCH]
            for index in range(len(thresholds)):
                threshold, reached = thresholds[index], np.int32(0)
                for place in range(
                    len(stretch)
                ):  # by place: the compiler makes this loop wide, `in stretch` not
                    reached += np.int32(1) if stretch[place] >= threshold else np.int32(0)
                counts[index] += reached
        return counts
    for value in values:
        if value >= thresholds[0]:
            counts[np.searchsorted(thresholds, value, side="right") - 1] += 1
    for index in range(len(thresholds) - 2, -1, -1):
        counts[index] += counts[index + 1]
    return counts
