"""What tracklets say of pairs of crops: within one they show the same person, in two at once different people.

Nobody has to be asked about these pairs. They are right as far as the tracker has not switched from one person to
another.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int8, Int64

from reseen.data.overlaps import overlapping_spans
from reseen.data.table import UNKNOWN_TRACKLET, ImageTable

SAME, UNKNOWN, DIFFERENT = 1, 0, -1
"""What is known of a pair."""


@dataclass(frozen=True, eq=False)
class TrackletPairs:
    """The tracklets of crops, and which of them overlap in time before one camera."""

    tracklets: Int64[np.ndarray, " n"]
    """Tracklet of each crop, `UNKNOWN_TRACKLET` for none; empty where nothing is known."""
    overlaps: Int64[np.ndarray, "m 2"]
    """Pairs of tracklets that overlap, the smaller number first."""

    @classmethod
    def of_crops(
        cls,
        tracklets: Int64[np.ndarray, " n"] | None,
        cameras: Int64[np.ndarray, " n"],
        times: Float64[np.ndarray, " n"] | None,
    ) -> "TrackletPairs":
        """What is known of crops of these tracklets, cameras (-1 for unknown) and times (NaN for unknown)."""
        if tracklets is None:
            return NOTHING_KNOWN
        spans = (
            np.zeros((0, 2), dtype=np.int64)
            if times is None
            else overlapping_spans(tracklets, cameras, times)
        )
        return cls(tracklets, spans)

    @classmethod
    def of_table(cls, table: ImageTable) -> "TrackletPairs":
        """What is known of the crops of a table."""
        return cls.of_crops(table.tracklets, table.cameras, table.times)

    def of(self, first: Int64[np.ndarray, " m"], second: Int64[np.ndarray, " m"]) -> Int8[np.ndarray, " m"]:
        """For each pair of rows `SAME`, `DIFFERENT` or `UNKNOWN`."""
        known = np.full(len(first), UNKNOWN, dtype=np.int8)
        if not len(self.tracklets):
            return known
        one, other = self.tracklets[first], self.tracklets[second]
        tracked = (one != UNKNOWN_TRACKLET) & (other != UNKNOWN_TRACKLET)
        known[tracked & (one == other)] = SAME
        if len(self.overlaps):
            width = int(max(self.tracklets.max(), self.overlaps.max())) + 1
            codes = np.minimum(one, other) * width + np.maximum(one, other)
            apart = np.isin(codes, self.overlaps[:, 0] * width + self.overlaps[:, 1])
            known[tracked & apart] = DIFFERENT
        return known


NOTHING_KNOWN = TrackletPairs(np.zeros(0, dtype=np.int64), np.zeros((0, 2), dtype=np.int64))
"""Of crops without tracklets."""
