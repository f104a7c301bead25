"""Tracklets of one camera that overlap in time: nobody is seen twice at once, so they show different people."""

import numpy as np
from jaxtyping import Float64, Int64

from reseen.data.table import UNKNOWN_TRACKLET, ImageTable
from reseen.records import UNKNOWN_CAMERA


def overlapping_tracklets(table: ImageTable) -> Int64[np.ndarray, "m 2"]:
    """Pairs of tracklet indices, the lower first, of one camera whose spans of time have a moment in common.

    The span of a tracklet goes from its first crop to its last. Crops without camera, tracklet or time are left out;
    without any of the columns there are no pairs.
    """
    if table.tracklets is None or table.times is None:
        return np.zeros((0, 2), dtype=np.int64)
    return overlapping_spans(table.tracklets, table.cameras, table.times)


def overlapping_spans(
    tracklets: Int64[np.ndarray, " n"], cameras: Int64[np.ndarray, " n"], times: Float64[np.ndarray, " n"]
) -> Int64[np.ndarray, "m 2"]:
    """The pairs of `overlapping_tracklets` from one tracklet, camera and time for each crop."""
    rows = _known(tracklets, cameras, times)
    if not len(rows):
        return np.zeros((0, 2), dtype=np.int64)
    numbers, first, place = np.unique(tracklets[rows], return_index=True, return_inverse=True)
    start, end = np.full(len(numbers), np.inf), np.full(len(numbers), -np.inf)
    np.minimum.at(start, place, times[rows])
    np.maximum.at(end, place, times[rows])
    camera = cameras[rows][first]
    pairs: list[tuple[int, int]] = []
    open_now: list[int] = []
    before = None
    for current in np.lexsort((start, camera)).tolist():
        if camera[current] != before:
            before, open_now = camera[current], []
        open_now = [other for other in open_now if end[other] >= start[current]]
        pairs += [(min(other, current), max(other, current)) for other in open_now]
        open_now.append(current)
    return numbers[np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)]


def overlap_rows(table: ImageTable) -> Int64[np.ndarray, "k 2"]:
    """Pairs of rows of overlapping tracklets: every crop within the common time, with the other's nearest in time."""
    if table.tracklets is None or table.times is None:
        return np.zeros((0, 2), dtype=np.int64)
    known = _known(table.tracklets, table.cameras, table.times)
    known = known[np.lexsort((known, table.times[known], table.tracklets[known]))]
    ordered = table.tracklets[known]
    pairs = []
    for first, second in overlapping_tracklets(table).tolist():
        one, two = (
            known[np.searchsorted(ordered, each) : np.searchsorted(ordered, each, "right")]
            for each in (first, second)
        )
        low = max(table.times[one[0]], table.times[two[0]])
        high = min(table.times[one[-1]], table.times[two[-1]])
        for rows, others in ((one, two), (two, one)):
            inside = rows[(table.times[rows] >= low) & (table.times[rows] <= high)]
            apart = np.abs(table.times[inside][:, None] - table.times[others][None])
            pairs.append(np.stack([inside, others[apart.argmin(axis=1)]], axis=1))
    if not pairs:
        return np.zeros((0, 2), dtype=np.int64)
    return np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)


def _known(
    tracklets: Int64[np.ndarray, " n"], cameras: Int64[np.ndarray, " n"], times: Float64[np.ndarray, " n"]
) -> Int64[np.ndarray, " m"]:
    """Rows of which camera, tracklet and time are known."""
    return np.flatnonzero((tracklets != UNKNOWN_TRACKLET) & (cameras != UNKNOWN_CAMERA) & np.isfinite(times))
