"""What all pages share: template rendering, dependencies on the viewer, static files, and pagination.

Static files are read once and looked up by name, so that a request never becomes a path on disk.

A flash message is shown once on the next page; a URL refers to it by a random id, so that a crafted link
cannot put text into a page.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from threading import Lock
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from reseen.viewer.edits.editor import Editor
from reseen.viewer.questions import Questions
from reseen.viewer.similar_people import SimilarPeople
from reseen.viewer.viewer import Viewer

_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

router = APIRouter()


@router.get("/static/{name}", include_in_schema=False)
def asset(name: str) -> Response:
    """A style sheet, script or icon."""
    entry = _assets().get(name)
    if entry is None:
        raise HTTPException(404, "no such file")
    content, media_type, _ = entry
    return Response(content, media_type=media_type, headers={"Cache-Control": "no-cache"})


def asset_url(name: str) -> str:
    """URL of a file in `static/` with a digest of its content, so that browsers do not use an outdated copy."""
    return f"/static/{name}?{_assets()[name][2]}"


@cache
def _assets() -> dict[str, tuple[bytes, str, str]]:
    assets = {}
    for file in files("reseen.viewer").joinpath("static").iterdir():
        content = file.read_bytes()
        media_type = _MEDIA_TYPES[f".{file.name.rpartition('.')[2]}"]
        assets[file.name] = content, media_type, hashlib.sha256(content).hexdigest()[:12]
    return assets


_TEMPLATES = Environment(
    loader=PackageLoader("reseen.viewer", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _viewer(request: Request) -> Viewer:
    _take_over_edits(request)
    return request.app.state.viewer


def _editor(request: Request) -> Editor:
    _take_over_edits(request)
    return request.app.state.editor


def _take_over_edits(request: Request) -> None:
    """Read what other commands wrote into the journal of edits; skipped while an edit is being made here."""
    editor: Editor = request.app.state.editor
    lock = editor.viewer.lock
    if lock.acquire(blocking=False):
        try:
            if editor.people.journal.refresh():
                editor.viewer.recluster({})  # a new version
                editor.on_deletion()  # writes the files of answers anew
        finally:
            lock.release()


def _questions(request: Request) -> Questions:
    return request.app.state.questions


def _similar_people(request: Request) -> SimilarPeople:
    return request.app.state.similar_people


ViewerDep = Annotated[Viewer, Depends(_viewer)]
"""Dependency: the viewer of the application."""
EditorDep = Annotated[Editor, Depends(_editor)]
"""Dependency: the editor of clusters and people of the application."""
QuestionsDep = Annotated[Questions, Depends(_questions)]
"""Dependency: the questions of the application."""
SimilarPeopleDep = Annotated[SimilarPeople, Depends(_similar_people)]
"""Dependency: the mean vectors of the people of the application."""


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a template from `templates/` with autoescaping; an undefined variable is an error.

    Besides `values`, every template has `viewer`, `editor`, `pages` (the navigation), `path` (path of the request),
    `here` (path with query), `flash` (the flash message, or None), `asset` (URL of a file in `static/`), and `release`
    (version of reseen).
    """
    text = _TEMPLATES.get_template(template).render(
        viewer=request.app.state.viewer,
        pages=request.app.state.pages,
        editor=request.app.state.editor,
        path=request.url.path,
        here=_path_and_query(request),
        flash=request.app.state.flash.get(request.query_params.get("flash", "")),
        asset=asset_url,
        release=version("reseen"),
        **values,
    )
    return HTMLResponse(text, status)


def _path_and_query(request: Request) -> str:
    """Path and query of a page without its flash message, for forms that redirect back to it."""
    query = urlencode([pair for pair in request.query_params.multi_items() if pair[0] != "flash"])
    return f"{request.url.path}?{query}" if query else request.url.path


Item = TypeVar("Item")


@dataclass(frozen=True)
class PageSlice(Generic[Item]):
    """One page of a list."""

    items: Sequence[Item]
    number: int
    """Number of the page, from 1."""
    count: int
    """Number of pages, at least 1."""
    total: int
    """Number of items on all pages."""
    url: Callable[[int], str]
    """Path and query of the page with a number."""


def page_slice(
    request: Request, items: Sequence[Item], page_size: int, name: str = "page"
) -> PageSlice[Item]:
    """The page whose number is the query parameter `name`; page 1 without a valid number, at most the last page."""
    text = request.query_params.get(name, "")
    count = max(1, -(-len(items) // page_size))
    number = min(max(int(text) if text.isdecimal() and len(text) < 9 else 1, 1), count)

    def url(other: int) -> str:
        parameters = [pair for pair in request.query_params.multi_items() if pair[0] not in (name, "flash")]
        return f"{request.url.path}?{urlencode([*parameters, (name, str(other))])}"

    return PageSlice(items[(number - 1) * page_size : number * page_size], number, count, len(items), url)


_MAX_MESSAGES = 200


@dataclass(frozen=True)
class FlashMessage:
    """A message about the last action."""

    text: str
    is_error: bool = False
    can_undo: bool = False
    """Whether the message has an Undo button."""


class FlashMessages:
    """The most recent messages of a running viewer; thread-safe."""

    def __init__(self) -> None:
        self._messages: OrderedDict[str, FlashMessage] = OrderedDict()
        self._lock = Lock()

    def add(self, message: FlashMessage) -> str:
        """Store a message and return its id; the oldest ones beyond 200 are dropped."""
        with self._lock:
            message_id = secrets.token_urlsafe(6)
            self._messages[message_id] = message
            while len(self._messages) > _MAX_MESSAGES:
                self._messages.popitem(last=False)
            return message_id

    def get(self, message_id: str) -> FlashMessage | None:
        """The message with an id; None for an unknown id."""
        return self._messages.get(message_id)
