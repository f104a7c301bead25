"""Map page: a scatter plot of all crops by similarity."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response

from reseen.viewer.maps import Layout, Maps, points_as_bytes
from reseen.viewer.templating import ViewerDep, render

router = APIRouter(include_in_schema=False)


def _maps(request: Request) -> Maps:
    return request.app.state.maps


MapsDep = Annotated[Maps, Depends(_maps)]
"""Dependency: the map coordinates of the application."""


@router.get("/map")
def page(
    request: Request,
    viewer: ViewerDep,
    layout: Layout = "neighbors",
    color: Literal["cluster", "camera"] = "cluster",
) -> Response:
    """The page, which then fetches the points."""
    snapshot = viewer.snapshot
    cameras = list(snapshot.collection.camera_names)
    return render(request, "map.html.j2", snapshot=snapshot, cameras=cameras, layout=layout, color=color)


@router.get("/map/points")
def points(viewer: ViewerDep, maps: MapsDep, layout: Annotated[Layout, Query()] = "neighbors") -> Response:
    """The points in the binary format of `maps`; status 202 with the fraction done while they are computed."""
    collection = viewer.snapshot.collection
    coordinates = maps.get(collection, layout)
    if isinstance(coordinates, float):
        return JSONResponse({"share": coordinates}, 202)
    data = points_as_bytes(coordinates, collection.cameras, collection.clusters, collection.keys)
    return Response(data, media_type="application/octet-stream")
