"""Search, for programs."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from reseen.viewer.api.look import EntryFacts
from reseen.viewer.search_request import MOST, SearchRequest, read_search_request
from reseen.viewer.search_service import SearchResponse, run_search
from reseen.viewer.templating import ThisViewer
from reseen.viewer.uploads import SentForm, sent_image
from reseen.viewer.viewer import Viewer

router = APIRouter()

_FIELDS: dict[str, dict[str, Any]] = {
    "key": {"type": "string", "description": "The crop of the gallery to search for."},
    "camera": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Cameras to look at; all without it.",
    },
    "elsewhere": {
        "type": "string",
        "description": "1 leaves out the camera of the crop that is searched for.",
    },
    "after": {"type": "string", "description": "Seconds, or a date and time in ISO 8601; at or after it."},
    "before": {"type": "string", "description": "The same; before it."},
    "cluster": {"type": "integer", "description": "-1 for crops in no cluster."},
    "group": {"type": "string", "description": "1 gives the best crop of each tracklet alone."},
    "rerank": {"type": "string", "description": "1 ranks the first hundred anew by k-reciprocal neighbors."},
    "top": {"type": "integer", "minimum": 1, "maximum": MOST, "default": SearchRequest.top},
}
_QUERY = {
    "parameters": [
        {
            "name": name,
            "in": "query",
            "required": name == "key",
            "description": shape.get("description", "SearchResponse."),
            "schema": {part: value for part, value in shape.items() if part != "description"},
        }
        for name, shape in _FIELDS.items()
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
    """One run_search."""

    entry: EntryFacts
    similarity: float
    """Cosine, -1 to 1."""
    probability: float | None
    """That entry and query show one person, 0 to 1; null where the run was not audited."""
    frames: int
    """Crops of this tracklet among those found, where tracklets are grouped."""


class SearchFacts(BaseModel):
    """What a search found, the likeliest first."""

    matches: list[MatchFacts]
    threshold: float | None
    """Similarity from which on two crops are taken for one person."""
    why_uncalibrated: str
    """Why there are no probabilities; empty where there are."""


@router.get("/search", openapi_extra=_QUERY)
def search(request: Request, viewer: ThisViewer) -> SearchFacts:
    """Crops like a crop of the gallery."""
    now = viewer.now
    return _facts(viewer, run_search(viewer, now, read_search_request(request.query_params, now)))


@router.post("/search", openapi_extra=_FORM)
async def search_image(viewer: ThisViewer, form: SentForm) -> SearchFacts:
    """Crops like an image, which is forgotten with the run_search."""
    now = viewer.now
    asking, image = read_search_request(form, now), await sent_image(form)
    return _facts(viewer, await run_in_threadpool(run_search, viewer, now, asking, image))


def _facts(viewer: Viewer, found: SearchResponse) -> SearchFacts:
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
            for match in found.matches
        ],
        threshold=found.threshold,
        why_uncalibrated=viewer.gallery.why_uncalibrated,
    )  # fmt: skip
