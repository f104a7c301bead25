"""What the interface offers: OpenAPI, and a page of it that asks no other server for anything."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from reseen.viewer.templating import show

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
def openapi(request: Request) -> dict[str, Any]:
    """The OpenAPI description."""
    return request.app.openapi()


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
