"""Tracklets of one camera that overlap in time: nobody is seen twice at once, so they show different people."""

import numpy as np
from jaxtyping import Int64

from reseen.data.table import UNKNOWN_TRACKLET, ImageTable
from reseen.records import UNKNOWN_CAMERA


def overlapping_tracklets(table: ImageTable) -> Int64[np.ndarray, "m 2"]:
    """Pairs of tracklet indices, the lower first, of one camera whose spans of time have a moment in common.

    The span of a tracklet goes from its first crop to its last. Crops without camera, tracklet or time are left out;
    without any of the columns there are no pairs.
    """
    rows = _known(table)
    if table.tracklets is None or table.times is None or not len(rows):
        return np.zeros((0, 2), dtype=np.int64)
    tracklets, first, place = np.unique(table.tracklets[rows], return_index=True, return_inverse=True)
    times = table.times[rows]
    start, end = np.full(len(tracklets), np.inf), np.full(len(tracklets), -np.inf)
    np.minimum.at(start, place, times)
    np.maximum.at(end, place, times)
    camera = table.cameras[rows][first]
    pairs: list[tuple[int, int]] = []
    open_now: list[int] = []
    before = None
    for current in np.lexsort((start, camera)).tolist():
        if camera[current] != before:
            before, open_now = camera[current], []
        open_now = [other for other in open_now if end[other] >= start[current]]
        pairs += [(min(other, current), max(other, current)) for other in open_now]
        open_now.append(current)
    return tracklets[np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)]


def overlap_rows(table: ImageTable) -> Int64[np.ndarray, "k 2"]:
    """Pairs of rows of overlapping tracklets: every crop within the common time, with the other's nearest in time."""
    if table.tracklets is None or table.times is None:
        return np.zeros((0, 2), dtype=np.int64)
    known = _known(table)
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


def _known(table: ImageTable) -> Int64[np.ndarray, " m"]:
    """Rows of which camera, tracklet and time are known."""
    if table.tracklets is None or table.times is None:
        return np.zeros(0, dtype=np.int64)
    known = (
        (table.tracklets != UNKNOWN_TRACKLET) & (table.cameras != UNKNOWN_CAMERA) & np.isfinite(table.times)
    )
    return np.flatnonzero(known)
