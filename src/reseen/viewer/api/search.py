"""API of search by a crop of the gallery or by an uploaded image."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from reseen.viewer.api.look import EntryFacts
from reseen.viewer.search import MAX_RESULTS, SearchRequest, SearchResponse, read_search_request, run_search
from reseen.viewer.templating import ViewerDep
from reseen.viewer.uploads import FormDep, read_uploaded_image
from reseen.viewer.viewer import Viewer

router = APIRouter()

_FIELDS: dict[str, dict[str, Any]] = {
    "key": {"type": "string", "description": "Key of the query crop."},
    "camera": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Cameras to search; all by default.",
    },
    "elsewhere": {
        "type": "string",
        "description": "1 excludes the camera of the query crop.",
    },
    "after": {
        "type": "string",
        "description": "Earliest time (inclusive): seconds, or date and time in ISO 8601.",
    },
    "before": {"type": "string", "description": "Latest time (exclusive), in the same format."},
    "cluster": {"type": "integer", "description": "Cluster to search; -1 for outliers."},
    "group": {"type": "string", "description": "1 returns only the best crop of each tracklet."},
    "rerank": {
        "type": "string",
        "description": "1 re-ranks the first hundred results by k-reciprocal neighbors.",
    },
    "tracklet": {
        "type": "string",
        "description": "1 searches by the mean of all crops of the query crop's tracklet.",
    },
    "top": {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_RESULTS,
        "default": SearchRequest.top,
        "description": "Number of results.",
    },
}
_QUERY = {
    "parameters": [
        {
            "name": name,
            "in": "query",
            "required": name == "key",
            "description": schema["description"],
            "schema": {part: value for part, value in schema.items() if part != "description"},
        }
        for name, schema in _FIELDS.items()
    ]
}
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"image": {"type": "string", "format": "binary"}} | _FIELDS,
                }
            }
        },
    }
}


class MatchFacts(BaseModel):
    """One search result."""

    entry: EntryFacts
    similarity: float
    """Cosine similarity to the query, -1 to 1."""
    probability: float | None
    """Calibrated probability that the crop shows the query person, 0 to 1; null unless trust is medium or high."""
    frames: int
    """Number of matching crops of this tracklet, if results are grouped by tracklet."""


class SearchFacts(BaseModel):
    """Search results."""

    matches: list[MatchFacts]
    """Best first."""
    threshold: float | None
    """Calibrated minimum similarity of two crops of one person; null unless trust is medium or high."""
    why_uncalibrated: str
    """Why there are no probabilities; empty if there are."""


@router.get("/search", openapi_extra=_QUERY)
def search(request: Request, viewer: ViewerDep) -> SearchFacts:
    """Search by a crop of the gallery."""
    snapshot = viewer.snapshot
    return _facts(viewer, run_search(viewer, snapshot, read_search_request(request.query_params, snapshot)))


@router.post("/search", openapi_extra=_FORM)
async def search_image(viewer: ViewerDep, form: FormDep) -> SearchFacts:
    """Search by an uploaded image, which is not stored."""
    snapshot = viewer.snapshot
    query, image = read_search_request(form, snapshot), await read_uploaded_image(form)
    return _facts(viewer, await run_in_threadpool(run_search, viewer, snapshot, query, image))


def _facts(viewer: Viewer, response: SearchResponse) -> SearchFacts:
    return SearchFacts(
        matches=[
            MatchFacts(
                entry=EntryFacts(
                    key=match.entry.key, source=match.entry.source, image=match.entry.image, camera=match.entry.camera,
                    time=match.entry.time, tracklet=match.entry.tracklet, cluster=match.entry.cluster,
                ),
                similarity=match.similarity,
                probability=match.probability,
                frames=match.frames,
            )
            for match in response.matches
        ],
        threshold=response.threshold,
        why_uncalibrated=viewer.gallery.why_uncalibrated,
    )  # fmt: skip
