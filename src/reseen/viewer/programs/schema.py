"""What the interface offers: OpenAPI, and a page of it that asks no other server for anything."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse

from reseen.viewer.show import show

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
def openapi(request: Request) -> dict[str, Any]:
    """The OpenAPI description."""
    routes = [route for route in request.app.routes if getattr(route, "path", "").startswith("/api/")]
    return get_openapi(
        title="reseen viewer",
        version=request.app.version,
        routes=routes,
        description="Send the secret that `reseen view` printed as Authorization: Bearer.",
    )


@router.get("")
def page(request: Request) -> HTMLResponse:
    """The description as a page."""
    described = openapi(request)
    calls = [
        (method.upper(), path, call)
        for path, methods in described["paths"].items()
        for method, call in methods.items()
    ]
    shapes = described.get("components", {}).get("schemas", {})
    return show(request, "api.html.j2", calls=calls, shapes=shapes)
