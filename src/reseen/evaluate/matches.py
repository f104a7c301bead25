"""Correct matches of each query in the gallery, by identity and camera."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from reseen.records import UNKNOWN_CAMERA

JUNK = -1
"""The identity of junk, such as a bad detection: ignored, neither a correct nor a wrong match."""

DISTRACTOR = 0
"""The identity of distractors, which match no query."""


@dataclass(frozen=True)
class Matches:
    """Gallery rows without junk, grouped by identity, and the group of each query."""

    order: Int64[np.ndarray, " g"]
    """Gallery rows sorted by identity, then camera."""
    cameras: Int64[np.ndarray, " g"]
    """The cameras of `order`."""
    starts: Int64[np.ndarray, " q"]
    """Start in `order` of the group of the query's identity."""
    stops: Int64[np.ndarray, " q"]
    """End (exclusive) of that group."""
    offsets: Int64[np.ndarray, " q_plus_1"]
    """Cumulative number of correct matches, as in CSR: query q owns `offsets[q]` to `offsets[q + 1]`."""

    @property
    def counts(self) -> Int64[np.ndarray, " q"]:
        """Correct matches of each query."""
        return np.diff(self.offsets)


def find_matches(
    query_identities: Int64[np.ndarray, " q"],
    query_cameras: Int64[np.ndarray, " q"],
    gallery_identities: Int64[np.ndarray, " g"],
    gallery_cameras: Int64[np.ndarray, " g"],
) -> Matches:
    """Group the gallery by identity; the same person under the query's own camera is not a correct match."""
    order = np.lexsort((gallery_cameras, gallery_identities))
    identities, cameras = gallery_identities[order], gallery_cameras[order]
    starts = np.searchsorted(identities, query_identities, side="left")
    stops = np.searchsorted(identities, query_identities, side="right")
    stops = np.where(query_identities > DISTRACTOR, stops, starts)
    # Identity and camera as one sortable number; cameras are small, -1 included.
    base = 2 + max((int(values.max()) for values in (cameras, query_cameras) if len(values)), default=0)
    keys, query_keys = identities * base + cameras, query_identities * base + query_cameras
    same_camera = np.searchsorted(keys, query_keys, side="right") - np.searchsorted(
        keys, query_keys, side="left"
    )
    same_camera[query_cameras == UNKNOWN_CAMERA] = 0
    positives = np.maximum(stops - starts - same_camera, 0)
    offsets = np.concatenate([[0], np.cumsum(positives)]).astype(np.int64)
    return Matches(order, cameras.astype(np.int64), starts.astype(np.int64), stops.astype(np.int64), offsets)
