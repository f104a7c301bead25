"""Which gallery rows answer which query, by identity and camera alone."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from reseen.records import UNKNOWN_CAMERA

JUNK = -1
"""The identity of a gallery image that is no proper crop; it is neither right nor wrong."""

DISTRACTOR = 0
"""The identity of people who are nobody's match."""


@dataclass(frozen=True)
class Matches:
    """Gallery rows (junk left out) grouped by identity, and each query's place among the groups."""

    order: Int64[np.ndarray, " g"]
    """Gallery rows sorted by identity, then camera."""
    cameras: Int64[np.ndarray, " g"]
    """The cameras of `order`."""
    starts: Int64[np.ndarray, " q"]
    """Where in `order` the query's person begins."""
    stops: Int64[np.ndarray, " q"]
    """Where it ends."""
    offsets: Int64[np.ndarray, " q_plus_1"]
    """Where each query's right answers begin when those of all queries are written one after the other."""

    @property
    def counts(self) -> Int64[np.ndarray, " q"]:
        """Right answers of each query."""
        return np.diff(self.offsets)


def find_matches(
    query_identities: Int64[np.ndarray, " q"],
    query_cameras: Int64[np.ndarray, " q"],
    gallery_identities: Int64[np.ndarray, " g"],
    gallery_cameras: Int64[np.ndarray, " g"],
) -> Matches:
    """Group the gallery; the same person under the query's own camera does not count as an answer."""
    order = np.lexsort((gallery_cameras, gallery_identities))
    identities, cameras = gallery_identities[order], gallery_cameras[order]
    starts = np.searchsorted(identities, query_identities, side="left")
    stops = np.searchsorted(identities, query_identities, side="right")
    stops = np.where(query_identities > DISTRACTOR, stops, starts)
    # Identity and camera as one sortable number; cameras are small, -1 included.
    spread = 2 + max((int(values.max()) for values in (cameras, query_cameras) if len(values)), default=0)
    pairs, asked = identities * spread + cameras, query_identities * spread + query_cameras
    same_camera = np.searchsorted(pairs, asked, side="right") - np.searchsorted(pairs, asked, side="left")
    same_camera[query_cameras == UNKNOWN_CAMERA] = 0
    positives = np.maximum(stops - starts - same_camera, 0)
    offsets = np.concatenate([[0], np.cumsum(positives)]).astype(np.int64)
    return Matches(order, cameras.astype(np.int64), starts.astype(np.int64), stops.astype(np.int64), offsets)
