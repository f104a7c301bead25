"""Search: drop an image in, or take a crop of the gallery, and see where that person was."""

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from reseen.errors import DataError, ReseenError
from reseen.gallery.filter import format_timestamp
from reseen.viewer.search_request import SearchRequest, read_search_request
from reseen.viewer.search_service import SearchResponse, run_search
from reseen.viewer.templating import ThisViewer, show
from reseen.viewer.uploads import MOST_BYTES, SentForm, sent_image
from reseen.viewer.viewer import Snapshot, Viewer

router = APIRouter(include_in_schema=False)

_SAMPLES = 24
"""Crops to begin with."""


@router.get("/search")
def page(request: Request, viewer: ThisViewer) -> Response:
    """Search for a crop of the gallery, or the empty page."""
    now = viewer.now
    asking, found, problem = SearchRequest(), None, ""
    try:
        asking = read_search_request(request.query_params, now)
        found = run_search(viewer, now, asking) if asking.key else None
    except ReseenError as error:
        problem = str(error)
    return _show(request, viewer, now, asking, found, problem)


@router.post("/search")
async def by_image(request: Request, viewer: ThisViewer, form: SentForm) -> Response:
    """Search for an image that is sent, which is forgotten with the run_search."""
    now = viewer.now
    asking, found, problem = SearchRequest(), None, ""
    try:
        asking = read_search_request(form, now)
        image = await sent_image(form)
        found = await run_in_threadpool(run_search, viewer, now, asking, image)
    except DataError as error:
        problem = f"This image cannot be used: {error}."
    except ReseenError as error:
        problem = str(error)
    return _show(request, viewer, now, asking, found, problem)


def _show(
    request: Request,
    viewer: Viewer,
    now: Snapshot,
    asking: SearchRequest,
    found: SearchResponse | None,
    problem: str,
) -> Response:
    times = [entry.time for entry in now.collection.entries if entry.time is not None]
    return show(
        request,
        "search.html.j2",
        status=422 if problem else 200,
        now=now,
        asking=asking,
        found=found,
        problem=problem,
        why_uncalibrated=viewer.gallery.why_uncalibrated,
        first=min(times, default=None),
        last=max(times, default=None),
        moment=format_timestamp,
        most_bytes=MOST_BYTES,
        samples=_samples(now) if found is None else [],
    )


def _samples(now: Snapshot) -> list[str]:
    """Keys of crops to begin with: the most central ones of the largest clusters, else crops spread over the rows."""
    largest = sorted(now.clusters.all(), key=lambda cluster: (-cluster.size, cluster.number))[:_SAMPLES]
    if largest:
        return [now.collection.keys[int(cluster.rows[0])] for cluster in largest]
    step = max(1, len(now.collection) // _SAMPLES)
    return list(now.collection.keys[::step][:_SAMPLES])
