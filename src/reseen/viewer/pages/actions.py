"""What the buttons of all pages do to clusters, and back to the page they were on."""

import re
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.viewer.collection import NOISE
from reseen.viewer.edits.editor import EditError, Editor
from reseen.viewer.flash import FlashMessage
from reseen.viewer.templating import ThisMender

router = APIRouter(include_in_schema=False)

_LOCAL = re.compile(r"/[a-z0-9][a-z0-9/-]*")
"""A path of this viewer."""


@router.post("/mend")
def mend(
    request: Request,
    editor: ThisMender,
    do: Annotated[str, Form(max_length=40)],
    version: Annotated[int, Form()],
    back: Annotated[str, Form(max_length=2000)] = "/clusters",
    crops: Annotated[list[str] | None, Form()] = None,
    clusters: Annotated[list[int] | None, Form()] = None,
    to: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Do what a button says: its first word, and a cluster where one follows."""
    path, query = _page_of(back)  # before anything is done
    try:
        cluster = _act(editor, do, version, crops or [], clusters or [], to)
    except EditError as error:
        return _leave(request, path, query, FlashMessage(str(error), bad=True), None)
    return _leave(request, path, query, _said(editor, do), cluster)


def _said(editor: Editor, do: str) -> FlashMessage:
    if do == "undo":
        return FlashMessage(f"Undone: {editor.undone[-1].words}.")
    words = editor.done[-1].words
    return FlashMessage(f"{words[:1].upper()}{words[1:]}.", can_undo=True)


def _act(editor: Editor, do: str, version: int, crops: list[str], clusters: list[int], to: str) -> int | None:
    """Mend, and return the cluster to go to where the page's own is gone."""
    word, _, number = do.partition(" ")
    number = number or to
    match word:
        case "merge":
            return editor.merge(version, clusters)
        case "split":
            editor.split(version, crops)
        case "move":
            return editor.move(version, crops, _number(number))
        case "out":
            editor.move(version, crops, NOISE)
        case "same":
            editor.same(version, crops)
        case "different":
            editor.different(version, crops)
        case "apart":
            editor.apart(version, clusters)
        case "stays":
            editor.stays(version, crops[0] if crops else "", _number(number))
        case "undo":
            editor.undo(version)
        case "redo":
            editor.redo(version)
        case _:
            raise EditError(f"there is no mend called {word}")
    return None


def _number(text: str) -> int:
    if not text.strip().isdecimal():
        raise EditError("give the number of a cluster to move to")
    return int(text)


def _page_of(back: str) -> tuple[str, str]:
    """Path and query of the page that a button was on; the list of clusters for what is no page of this viewer."""
    try:
        parts = urlsplit(back)
    except ValueError:  # such as //[
        return "/clusters", ""
    local = not parts.scheme and not parts.netloc and _LOCAL.fullmatch(parts.path)
    return (parts.path, parts.query) if local else ("/clusters", "")


def _leave(request: Request, path: str, before: str, note: FlashMessage, cluster: int | None) -> Response:
    """To the page the button was on; where that was of a cluster that is gone, to the one that took its crops."""
    head, _, number = path.rpartition("/")
    if (
        head == "/clusters"
        and number.isdecimal()
        and int(number) not in request.app.state.viewer.now.clusters
    ):
        path = "/clusters" if cluster is None else f"/clusters/{cluster}"
    name = request.app.state.notes.leave(note)
    query = "&".join(part for part in (before, f"said={name}") if part)
    return RedirectResponse(urlunsplit(("", "", path, query, "")), 303)
