"""Page of all clusters, each shown as a sheet of crops."""

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response

from reseen.viewer.assignment import assignment_of
from reseen.viewer.clusters import Cluster
from reseen.viewer.pages import cluster
from reseen.viewer.templating import ViewerDep, page_slice, render
from reseen.viewer.unclustered import count_unclustered_nearby

router = APIRouter(include_in_schema=False)
router.include_router(cluster.router)

_PAGE_SIZE = 24
"""Clusters on a page."""
_CROPS = 8
"""Crops shown of each cluster: the most central ones, and the least central one last."""

Sort = Literal["size", "error", "cameras", "noise", "number"]
SORTS: dict[Sort, str] = {
    "size": "most crops",
    "error": "largest spread",
    "cameras": "least camera mixing",
    "noise": "most outliers nearby",
    "number": "number",
}


@router.get("/clusters")
def clusters(
    request: Request,
    viewer: ViewerDep,
    sort: Sort = "size",
    camera: str = "",
    least: str = "",
) -> Response:
    """The page of clusters, sorted and filtered by camera and by minimum size."""
    snapshot = viewer.snapshot
    nearby = count_unclustered_nearby(snapshot) if sort == "noise" else {}
    min_size = int(least) if least.isdecimal() and len(least) < 9 else 1
    names = snapshot.collection.camera_names
    camera_index = names.index(camera) if camera in names else None
    selected = [
        one
        for one in snapshot.clusters.all()
        if one.size >= min_size
        and (camera_index is None or any(index == camera_index for index, _ in one.cameras))
    ]
    selected.sort(key=lambda one: _sort_key(one, sort, nearby))
    part = page_slice(request, selected, _PAGE_SIZE)
    shown = {one.number: _sheet(one) for one in part.items}
    viewer.thumbnails.prefetch(snapshot.collection.keys[row] for rows in shown.values() for row in rows)
    return render(
        request, "clusters.html.j2", snapshot=snapshot, part=part, shown=shown, sort=sort, sorts=SORTS, camera=camera,
        least=least, nearby=nearby, assignment=assignment_of(viewer, snapshot),
    )  # fmt: skip


def _sort_key(one: Cluster, sort: Sort, nearby: dict[int, int]) -> tuple[float, int]:
    value = {
        "size": -one.size,
        "error": -one.squared_error,
        "cameras": one.mixing,
        "noise": -nearby.get(one.number, 0),
        "number": one.number,
    }[sort]
    return value, -one.size if sort != "size" else one.number


def _sheet(one: Cluster) -> list[int]:
    rows = one.rows.tolist()
    return rows if len(rows) <= _CROPS else [*rows[: _CROPS - 1], rows[-1]]
