"""Search page: query by an uploaded image or by a crop of the gallery."""

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from reseen.errors import DataError, ReseenError
from reseen.gallery.filter import format_timestamp
from reseen.viewer.search import SearchRequest, SearchResponse, read_search_request, run_search
from reseen.viewer.templating import ViewerDep, render
from reseen.viewer.uploads import MAX_IMAGE_BYTES, FormDep, read_uploaded_image
from reseen.viewer.viewer import Snapshot, Viewer

router = APIRouter(include_in_schema=False)

_SAMPLES = 24
"""Example queries that are shown before a search."""


@router.get("/search")
def page(request: Request, viewer: ViewerDep) -> Response:
    """Search by a crop of the gallery; without one, the page with example queries."""
    snapshot = viewer.snapshot
    query, results, problem = SearchRequest(), None, ""
    try:
        query = read_search_request(request.query_params, snapshot)
        results = run_search(viewer, snapshot, query) if query.key else None
    except ReseenError as error:
        problem = str(error)
    return _page(request, viewer, snapshot, query, results, problem)


@router.post("/search")
async def by_image(request: Request, viewer: ViewerDep, form: FormDep) -> Response:
    """Search by an uploaded image, which is not stored."""
    snapshot = viewer.snapshot
    query, results, problem = SearchRequest(), None, ""
    try:
        query = read_search_request(form, snapshot)
        image = await read_uploaded_image(form)
        results = await run_in_threadpool(run_search, viewer, snapshot, query, image)
    except DataError as error:
        problem = f"Cannot use this image: {error}."
    except ReseenError as error:
        problem = str(error)
    return _page(request, viewer, snapshot, query, results, problem)


def _page(
    request: Request,
    viewer: Viewer,
    snapshot: Snapshot,
    query: SearchRequest,
    results: SearchResponse | None,
    problem: str,
) -> Response:
    times = [entry.time for entry in snapshot.collection.entries if entry.time is not None]
    return render(
        request,
        "search.html.j2",
        status=422 if problem else 200,
        snapshot=snapshot,
        search=query,
        results=results,
        problem=problem,
        calibration_text=viewer.gallery.why_uncalibrated or viewer.gallery.calibration_text,
        first=min(times, default=None),
        last=max(times, default=None),
        format_time=format_timestamp,
        max_bytes=MAX_IMAGE_BYTES,
        samples=_samples(snapshot) if results is None else [],
    )


def _samples(snapshot: Snapshot) -> list[str]:
    """Keys of example queries: the most central crops of the largest clusters, else crops evenly spaced over all."""
    largest = sorted(snapshot.clusters.all(), key=lambda cluster: (-cluster.size, cluster.number))[:_SAMPLES]
    if largest:
        return [snapshot.collection.keys[int(cluster.rows[0])] for cluster in largest]
    step = max(1, len(snapshot.collection) // _SAMPLES)
    return list(snapshot.collection.keys[::step][:_SAMPLES])
