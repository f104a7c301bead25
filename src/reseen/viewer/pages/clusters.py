"""The clusters, as sheets of crops."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from reseen.viewer.show import ThisViewer, show

router = APIRouter(include_in_schema=False)

_EACH = 24
"""Clusters on a page."""


@router.get("/clusters")
def clusters(request: Request, viewer: ThisViewer) -> Response:
    """Sheets of the largest clusters."""
    now = viewer.now
    shown = sorted(now.clusters.all(), key=lambda cluster: -cluster.size)[:_EACH]
    return show(request, "clusters.html.j2", now=now, shown=shown)
