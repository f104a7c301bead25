"""Runs a search on the gallery of a viewer."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from reseen.errors import SettingsError
from reseen.gallery.gallery import Match
from reseen.viewer.search_request import SearchRequest
from reseen.viewer.timeline import Timeline, build_timeline
from reseen.viewer.viewer import Snapshot, Viewer


@dataclass(frozen=True)
class SearchResponse:
    """Results of a search."""

    request: SearchRequest
    query: Match | None
    """The query crop; None for an uploaded image."""
    matches: tuple[Match, ...]
    """Results, best first, without the query crop."""
    threshold: float | None
    """Calibrated minimum cosine similarity of two crops of one person; None unless trust is medium or high."""
    timeline: Timeline
    """Timeline of the matches at or above the threshold, or of all matches if there is no threshold."""

    @property
    def likely(self) -> int:
        """Number of matches at or above the threshold; 0 without a threshold."""
        return sum(self.is_likely(match) for match in self.matches)

    def is_likely(self, match: Match) -> bool:
        """Whether the similarity of a match reaches the threshold; False without a threshold."""
        return self.threshold is not None and match.similarity >= self.threshold


def run_search(
    viewer: Viewer, snapshot: Snapshot, request: SearchRequest, image: bytes | None = None
) -> SearchResponse:
    """Search for an encoded image or, without one, for the crop `request.key`.

    Raises:
        DataError: the image cannot be decoded.
        GalleryError: the model is not available to embed the image.
        SettingsError: there is neither an image nor a key, or a time is invalid.
    """
    with viewer.lock:
        gallery = viewer.gallery
        query, vector = _query(viewer, snapshot, request, image)
        conditions = request.to_filter(None if query is None else query.entry)
        count = request.top + (query is not None)  # the query crop is among its own results
        results = gallery.search(
            vector, count, conditions, group_tracklets=request.group, rerank=request.rerank
        )
        calibration = gallery.calibration
    query_key = None if query is None else query.entry.key
    matches = tuple([match for match in results if match.entry.key != query_key][: request.top])
    threshold = None if calibration is None else calibration.threshold
    likely = [match for match in matches if threshold is None or match.similarity >= threshold]
    return SearchResponse(request, query, matches, threshold, build_timeline(likely, query))


def _query(
    viewer: Viewer, snapshot: Snapshot, request: SearchRequest, image: bytes | None
) -> tuple[Match | None, Float32[np.ndarray, " d"]]:
    if image is not None:
        return None, viewer.gallery.embed(image)
    if request.key is None:
        raise SettingsError("there is no query: choose an image or a crop of the gallery")
    row = snapshot.collection.rows[request.key]
    vector = snapshot.collection.vectors[row].astype(np.float32)
    return Match(snapshot.collection.entries[row], 1.0, None), vector
