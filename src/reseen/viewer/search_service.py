"""From what was asked to the answers of the gallery."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from reseen.errors import SettingsError
from reseen.gallery.gallery import Match
from reseen.viewer.search_request import SearchRequest
from reseen.viewer.timeline import Timeline, timeline
from reseen.viewer.viewer import Snapshot, Viewer


@dataclass(frozen=True)
class SearchResponse:
    """What a search found."""

    asking: SearchRequest
    query: Match | None
    """The crop of the gallery that was searched for; None for an image that was sent."""
    matches: tuple[Match, ...]
    """The likeliest first; without the query itself."""
    threshold: float | None
    """Similarity from which on two crops are taken for one person; None without an audit."""
    seen: Timeline
    """Of the matches from the threshold on; of all of them without one."""

    @property
    def likely(self) -> int:
        """Matches from the threshold on."""
        return sum(self.is_likely(match) for match in self.matches)

    def is_likely(self, match: Match) -> bool:
        """Whether it lies from the threshold on."""
        return self.threshold is not None and match.similarity >= self.threshold


def run_search(
    viewer: Viewer, now: Snapshot, asking: SearchRequest, image: bytes | None = None
) -> SearchResponse:
    """Search for an image, or for the crop that `asking` names.

    Raises:
        DataError: the image is no usable one.
        GalleryError: the model is not at hand to embed it.
        SettingsError: nothing to search for, or a time that is none.
    """
    with viewer.lock:
        gallery = viewer.gallery
        query, vector = _query(viewer, now, asking, image)
        where = asking.where(None if query is None else query.entry)
        wanted = asking.top + (query is not None)
        found = gallery.search(vector, wanted, where, group_tracklets=asking.group, rerank=asking.rerank)
        calibration = gallery.calibration
    own = None if query is None else query.entry.key
    matches = tuple([match for match in found if match.entry.key != own][: asking.top])
    threshold = None if calibration is None else calibration.threshold
    likely = [match for match in matches if threshold is None or match.similarity >= threshold]
    return SearchResponse(asking, query, matches, threshold, timeline(likely, query))


def _query(
    viewer: Viewer, now: Snapshot, asking: SearchRequest, image: bytes | None
) -> tuple[Match | None, Float32[np.ndarray, " d"]]:
    if image is not None:
        return None, viewer.gallery.embed(image)
    if asking.key is None:
        raise SettingsError("nothing to search for: choose an image, or a crop of the gallery")
    row = now.collection.rows[asking.key]
    vector = now.collection.vectors[row].astype(np.float32)
    return Match(now.collection.entries[row], 1.0, None), vector
