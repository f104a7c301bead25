"""OpenAPI description of the API, as JSON and as a page that loads nothing from other servers."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from reseen.viewer.templating import render

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
def openapi(request: Request) -> dict[str, Any]:
    """The OpenAPI description."""
    return request.app.openapi()


@router.get("")
def page(request: Request) -> HTMLResponse:
    """The OpenAPI description as a page."""
    description = openapi(request)
    operations = [
        (method.upper(), path, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = description.get("components", {}).get("schemas", {})
    return render(request, "api.html.j2", operations=operations, schemas=schemas)
