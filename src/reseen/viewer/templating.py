"""From a template to an answer, and from a request to the viewer it is for.

Style sheets, scripts and the icon: read once, sent by name from a list, never by path.

Long lists in pages.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from reseen.viewer.edits.editor import Editor
from reseen.viewer.viewer import Viewer

_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

router = APIRouter()


@router.get("/static/{name}", include_in_schema=False)
def asset(name: str) -> Response:
    """A file of the viewer's own."""
    found = _assets().get(name)
    if found is None:
        raise HTTPException(404, "no such file")
    content, kind, _ = found
    return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})


def asset_address(name: str) -> str:
    """The address of a file in `static/`, which changes with its content, so that browsers keep no old one."""
    return f"/static/{name}?{_assets()[name][2]}"


@cache
def _assets() -> dict[str, tuple[bytes, str, str]]:
    found = {}
    for file in files("reseen.viewer").joinpath("static").iterdir():
        content = file.read_bytes()
        kind = _KINDS[f".{file.name.rpartition('.')[2]}"]
        found[file.name] = content, kind, hashlib.sha256(content).hexdigest()[:12]
    return found


_TEMPLATES = Environment(
    loader=PackageLoader("reseen.viewer", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _viewer(request: Request) -> Viewer:
    return request.app.state.viewer


def _mender(request: Request) -> Editor:
    return request.app.state.editor


ThisViewer = Annotated[Viewer, Depends(_viewer)]
"""A parameter of this type is the viewer that a request is for."""
ThisMender = Annotated[Editor, Depends(_mender)]
"""Of this type, that which mends its clusters."""


def show(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Fill a template from `templates/`; text is escaped, a value that is missing is an error.

    Every template may use `viewer`, `editor`, `pages` (the navigation), `path` and `here` (the request's
    path, and that with its query),
    `said` (the note on what was done just before, or None) and `asset` (the address of a file in `static/`).
    """
    text = _TEMPLATES.get_template(template).render(
        viewer=request.app.state.viewer,
        pages=request.app.state.pages,
        editor=request.app.state.editor,
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


Item = TypeVar("Item")


@dataclass(frozen=True)
class PageSlice(Generic[Item]):
    """One page of a list."""

    items: Sequence[Item]
    number: int
    """From 1."""
    count: int
    """Pages in all, at least 1."""
    total: int
    """Items in all."""
    address: Callable[[int], str]
    """Of the page with a number."""


def page_slice(
    request: Request, everything: Sequence[Item], each: int, name: str = "page"
) -> PageSlice[Item]:
    """The page that a request's address asks for; the nearest one there is, where it asks for none or nonsense."""
    asked = request.query_params.get(name, "")
    count = max(1, -(-len(everything) // each))
    number = min(max(int(asked) if asked.isdecimal() and len(asked) < 9 else 1, 1), count)

    def address(other: int) -> str:
        kept = [pair for pair in request.query_params.multi_items() if pair[0] not in (name, "said")]
        return f"{request.url.path}?{urlencode([*kept, (name, str(other))])}"

    return PageSlice(everything[(number - 1) * each : number * each], number, count, len(everything), address)
