"""All clusters, as sheets of crops."""

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response

from reseen.viewer.clusters import Cluster
from reseen.viewer.collection import NOISE, UNCLUSTERED, UNKNOWN
from reseen.viewer.pages import cluster
from reseen.viewer.templating import ThisViewer, page_slice, show
from reseen.viewer.unclustered import unclustered_nearby
from reseen.viewer.viewer import Snapshot

router = APIRouter(include_in_schema=False)
router.include_router(cluster.router)

_EACH = 24
"""Clusters on a page."""
_CROPS = 8
"""Of each cluster: the most central ones, and the least central one last."""

Sort = Literal["size", "error", "cameras", "noise", "number"]
SORTS: dict[Sort, str] = {
    "size": "most crops",
    "error": "widest spread",
    "cameras": "fewest cameras mixed",
    "noise": "most left-out crops nearby",
    "number": "number",
}


@router.get("/clusters")
def clusters(
    request: Request,
    viewer: ThisViewer,
    sort: Sort = "size",
    camera: str = "",
    least: str = "",
) -> Response:
    """Sheets of clusters, sorted and filtered."""
    now = viewer.now
    nearby = unclustered_nearby(now) if sort == "noise" else {}
    smallest = int(least) if least.isdecimal() and len(least) < 9 else 1
    names = now.collection.camera_names
    place = names.index(camera) if camera in names else None
    kept = [
        one
        for one in now.clusters.all()
        if one.size >= smallest and (place is None or any(seen == place for seen, _ in one.cameras))
    ]
    kept.sort(key=lambda one: _rank(one, sort, nearby))
    part = page_slice(request, kept, _EACH)
    shown = {one.number: _sample(one) for one in part.items}
    viewer.thumbnails.warm(now.collection.keys[row] for rows in shown.values() for row in rows)
    return show(
        request, "clusters.html.j2", now=now, part=part, shown=shown, sort=sort, sorts=SORTS, camera=camera,
        least=least, nearby=nearby, **_totals(now),
    )  # fmt: skip


def _rank(one: Cluster, sort: Sort, nearby: dict[int, int]) -> tuple[float, int]:
    value = {
        "size": -one.size,
        "error": -one.squared_error,
        "cameras": one.mixing,
        "noise": -nearby.get(one.number, 0),
        "number": one.number,
    }[sort]
    return value, -one.size if sort != "size" else one.number


def _sample(one: Cluster) -> list[int]:
    rows = one.rows.tolist()
    return rows if len(rows) <= _CROPS else [*rows[: _CROPS - 1], rows[-1]]


def _totals(now: Snapshot) -> dict[str, int]:
    labels, cameras = now.collection.clusters, now.collection.cameras
    return {
        "inside": int((labels >= 0).sum()),
        "left_out": int((labels == NOISE).sum()),
        "never": int((labels == UNCLUSTERED).sum()),
        "unknown_cameras": int((cameras == UNKNOWN).sum()),
    }
