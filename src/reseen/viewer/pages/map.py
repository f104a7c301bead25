"""The map: every crop as a point, near those that look alike."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response

from reseen.viewer.maps import Maps, points_as_bytes
from reseen.viewer.projection import Layout
from reseen.viewer.templating import ThisViewer, show

router = APIRouter(include_in_schema=False)


def _maps(request: Request) -> Maps:
    return request.app.state.maps


TheseMaps = Annotated[Maps, Depends(_maps)]
"""A parameter of this type is the maps of the viewer that a request is for."""


@router.get("/map")
def page(
    request: Request,
    viewer: ThisViewer,
    layout: Layout = "neighbors",
    color: Literal["cluster", "camera"] = "cluster",
) -> Response:
    """The page; its points come after it."""
    now = viewer.now
    cameras = list(now.collection.camera_names)
    return show(request, "map.html.j2", now=now, cameras=cameras, layout=layout, color=color)


@router.get("/map/points")
def points(viewer: ThisViewer, maps: TheseMaps, layout: Annotated[Layout, Query()] = "neighbors") -> Response:
    """The points as bytes, or 202 and the share of them that is done."""
    collection = viewer.now.collection
    places = maps.ask(collection, layout)
    if isinstance(places, float):
        return JSONResponse({"share": places}, 202)
    data = points_as_bytes(places, collection.cameras, collection.clusters, collection.keys)
    return Response(data, media_type="application/octet-stream")
