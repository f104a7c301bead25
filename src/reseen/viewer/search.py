"""Search on the gallery of a viewer: parameters from a form or a URL, validated, and what is found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float32

from reseen.errors import SettingsError
from reseen.gallery.entries import Entry
from reseen.gallery.filter import Filter, parse_window
from reseen.gallery.gallery import Match
from reseen.viewer.timeline import Timeline, build_timeline
from reseen.viewer.viewer import Snapshot, Viewer

MAX_RESULTS = 500
"""Upper limit of `top`."""


class Fields(Protocol):
    """Fields of a form or a query string, in which a name may occur several times."""

    def get(self, key: str, /) -> object:
        """The last value of a name; None if there is none."""
        ...

    def getlist(self, key: str, /) -> Sequence[object]:
        """All values of a name."""
        ...


@dataclass(frozen=True)
class SearchRequest:
    """Parameters of a search; an uploaded query image is passed separately."""

    key: str | None = None
    """Key of the query crop."""
    cameras: tuple[str, ...] = ()
    """Cameras to search; all if empty."""
    elsewhere: bool = False
    """Whether to exclude the camera of the query crop."""
    after: str = ""
    """Earliest time (inclusive), as entered: seconds or ISO 8601."""
    before: str = ""
    """Latest time (exclusive), as entered."""
    cluster: int | None = None
    """Cluster to search; -1 for outliers, all if None."""
    group: bool = False
    """Whether to return only the best crop of each tracklet."""
    rerank: bool = False
    """Whether to re-rank the first results by k-reciprocal neighbors."""
    top: int = 50
    """Number of results, 1 to `MAX_RESULTS`."""
    tracklet: bool = False
    """Whether all crops of the query crop's tracklet are the query, by their mean."""

    def to_filter(self, query: Entry | None) -> Filter:
        """The gallery filter of this search; `query` is the entry of the query crop.

        Raises:
            SettingsError: a time is invalid, or the time window is empty.
        """
        after, before = parse_window(self.after, self.before)
        excluded = query.camera if query is not None and self.elsewhere else None
        return Filter(
            cameras=self.cameras or None,
            not_cameras=None if excluded is None else (excluded,),
            after=after,
            before=before,
            clusters=None if self.cluster is None else (self.cluster,),
        )


def read_search_request(fields: Fields, snapshot: Snapshot) -> SearchRequest:
    """Parse and validate the fields of a form or a query string.

    Raises:
        SettingsError: a crop or camera is not in the gallery, or a number is invalid.
    """
    key = _text(fields, "key")
    if key and key not in snapshot.collection.rows:
        raise SettingsError("the query crop is not in this gallery (any more); choose another one")
    cameras = tuple(dict.fromkeys(str(name) for name in fields.getlist("camera")))
    unknown = [name for name in cameras if name not in snapshot.collection.camera_names]
    if unknown:
        raise SettingsError(f"camera '{unknown[0][:80]}' is not in this gallery; choose one from the list")
    top = _number(fields, "top", "number of results")
    if top is not None and not 1 <= top <= MAX_RESULTS:
        raise SettingsError(f"number of results: expected a number from 1 to {MAX_RESULTS}, got {top}")
    return SearchRequest(
        key or None,
        cameras,
        bool(_text(fields, "elsewhere")),
        _text(fields, "after"),
        _text(fields, "before"),
        _number(fields, "cluster", "cluster"),
        bool(_text(fields, "group")),
        bool(_text(fields, "rerank")),
        SearchRequest.top if top is None else top,
        bool(_text(fields, "tracklet")),
    )


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return value.strip() if isinstance(value, str) else ""


def _number(fields: Fields, name: str, label: str) -> int | None:
    text = _text(fields, name)
    if not text:
        return None
    try:
        number = int(text)
    except ValueError:
        number = None
    if number is None or abs(number) >= 2**31:
        raise SettingsError(f"{label}: expected an integer, got '{text[:80]}'")
    return number


@dataclass(frozen=True)
class SearchResponse:
    """Results of a search."""

    request: SearchRequest
    query: Match | None
    """The query crop; None for an uploaded image."""
    query_keys: tuple[str, ...]
    """Keys of all crops that are the query, such as those of a tracklet; none for an uploaded image."""
    matches: tuple[Match, ...]
    """Results, best first, without the crops that are the query."""
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
        query, keys, vector = _query(viewer, snapshot, request, image)
        conditions = request.to_filter(None if query is None else query.entry)
        count = request.top + len(keys)  # the query crops are among their own results
        results = gallery.search(
            vector, count, conditions, group_tracklets=request.group, rerank=request.rerank
        )
        calibration = gallery.calibration
    own = set(keys)
    matches = tuple([match for match in results if match.entry.key not in own][: request.top])
    threshold = None if calibration is None else calibration.threshold
    likely = [match for match in matches if threshold is None or match.similarity >= threshold]
    return SearchResponse(request, query, keys, matches, threshold, build_timeline(likely, query))


class _Query(NamedTuple):
    crop: Match | None
    keys: tuple[str, ...]
    vector: Float32[np.ndarray, " d"]


def _query(viewer: Viewer, snapshot: Snapshot, request: SearchRequest, image: bytes | None) -> _Query:
    if image is not None:
        return _Query(None, (), viewer.gallery.embed(image))
    if request.key is None:
        raise SettingsError("there is no query: choose an image or a crop of the gallery")
    collection = snapshot.collection
    row = collection.rows[request.key]
    rows = tracklet_rows(snapshot, row) if request.tracklet else [row]
    total = collection.vectors[rows].astype(np.float32).sum(axis=0)
    vector = total / max(float(np.linalg.norm(total)), 1e-12)
    keys = tuple(collection.keys[one] for one in rows)
    return _Query(Match(collection.entries[row], 1.0, None), keys, vector)


def tracklet_rows(snapshot: Snapshot, row: int) -> list[int]:
    """Rows of the crops of a crop's tracklet; only its own for a crop without one."""
    entry = snapshot.collection.entries[row]
    if entry.tracklet is None:
        return [row]
    same = enumerate(snapshot.collection.entries)
    return [place for place, one in same if one.tracklet == entry.tracklet and one.source == entry.source]
