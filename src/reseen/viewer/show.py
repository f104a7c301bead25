"""From a template to an answer, and from a request to the viewer it is for."""

from importlib.metadata import version
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from reseen.viewer.assets import asset_address
from reseen.viewer.mends.mender import Mender
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


def _mender(request: Request) -> Mender:
    return request.app.state.mender


ThisViewer = Annotated[Viewer, Depends(_viewer)]
"""A parameter of this type is the viewer that a request is for."""
ThisMender = Annotated[Mender, Depends(_mender)]
"""Of this type, that which mends its clusters."""


def show(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Fill a template from `templates/`; text is escaped, a value that is missing is an error.

    Every template may use `viewer`, `mender`, `pages` (the navigation), `path` and `here` (the request's
    path, and that with its query),
    `said` (the note on what was done just before, or None) and `asset` (the address of a file in `static/`).
    """
    text = _TEMPLATES.get_template(template).render(
        viewer=request.app.state.viewer,
        pages=request.app.state.pages,
        mender=request.app.state.mender,
        path=request.url.path,
        here=_here(request),
        said=request.app.state.notes.read(request.query_params.get("said", "")),
        asset=asset_address,
        release=version("reseen"),
        **values,
    )
    return HTMLResponse(text, status)


def _here(request: Request) -> str:
    """The address of the page for a form that leads back to it, without what was said on it."""
    query = urlencode([pair for pair in request.query_params.multi_items() if pair[0] != "said"])
    return f"{request.url.path}?{query}" if query else request.url.path
