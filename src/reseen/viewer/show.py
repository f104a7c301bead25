"""From a template to an answer, and from a request to the viewer it is for."""

from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from reseen.viewer.assets import asset_address
from reseen.viewer.viewer import Viewer

_TEMPLATES = Environment(
    loader=PackageLoader("reseen.viewer", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _viewer(request: Request) -> Viewer:
    return request.app.state.viewer


ThisViewer = Annotated[Viewer, Depends(_viewer)]
"""A parameter of this type is the viewer that a request is for."""


def show(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Fill a template from `templates/`; text is escaped, a value that is missing is an error.

    Every template may use `viewer`, `pages` (the navigation), `here` (the request's path) and `asset` (the address of
    a file in `static/`).
    """
    text = _TEMPLATES.get_template(template).render(
        viewer=request.app.state.viewer,
        pages=request.app.state.pages,
        here=request.url.path,
        asset=asset_address,
        release=version("reseen"),
        **values,
    )
    return HTMLResponse(text, status)
