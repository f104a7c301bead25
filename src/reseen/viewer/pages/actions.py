"""Form action of the edit buttons of clusters: applies the edit and redirects back to the page."""

import re
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from reseen.gallery.collection import NOISE
from reseen.viewer.edits.editor import EditError, Editor
from reseen.viewer.templating import EditorDep, FlashMessage

router = APIRouter(include_in_schema=False)

_LOCAL = re.compile(r"/[a-z0-9][a-z0-9/-]*")
"""Paths to which a form may redirect."""


@router.post("/edits")
def apply_edit(
    request: Request,
    editor: EditorDep,
    *,
    do: Annotated[str, Form(max_length=40)],
    version: Annotated[int, Form()],
    back: Annotated[str, Form(max_length=2000)] = "/clusters",
    crops: Annotated[list[str] | None, Form()] = None,
    clusters: Annotated[list[int] | None, Form()] = None,
    to: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Apply the edit `do`: a verb, optionally followed by a cluster number as in `move 3`."""
    path, query = redirect_target(back)  # may fail, so before the edit
    try:
        cluster = _apply(editor, do, version, crops or [], clusters or [], to)
    except EditError as error:
        return redirect(request, path, query, FlashMessage(str(error), is_error=True), None)
    return redirect(request, path, query, _success_message(editor, do), cluster)


def _success_message(editor: Editor, do: str) -> FlashMessage:
    if do == "undo":
        return FlashMessage(f"Undone: {editor.undone[-1].words}.")
    words = editor.done[-1].words
    return FlashMessage(f"{words[:1].upper()}{words[1:]}.", can_undo=True)


def _apply(
    editor: Editor, do: str, version: int, crops: list[str], clusters: list[int], to: str
) -> int | None:
    """Apply an edit; return the cluster to redirect to if that of the page no longer exists."""
    verb, _, number = do.partition(" ")
    number = number or to
    match verb:
        case "merge":
            return editor.merge(version, clusters)
        case "split":
            editor.split(version, crops)
        case "move":
            return editor.move(version, crops, _number(number))
        case "out":
            editor.move(version, crops, NOISE)
        case "same":
            editor.mark_same(version, crops)
        case "different":
            editor.mark_different(version, crops)
        case "apart":
            editor.mark_clusters_different(version, clusters)
        case "stays":
            editor.reject_assignment(version, crops[0] if crops else "", _number(number))
        case "undo":
            editor.undo(version)
        case "redo":
            editor.redo(version)
        case _:
            raise EditError(f"unknown edit '{verb}'")
    return None


def _number(text: str) -> int:
    if not text.strip().isdecimal():
        raise EditError("enter the number of the cluster to move to")
    return int(text)


def redirect_target(back: str) -> tuple[str, str]:
    """Path and query of the page to return to; `/clusters` if `back` is not a path of this viewer."""
    try:
        parts = urlsplit(back)
    except ValueError:  # such as //[
        return "/clusters", ""
    local = not parts.scheme and not parts.netloc and _LOCAL.fullmatch(parts.path)
    return (parts.path, parts.query) if local else ("/clusters", "")


def redirect(
    request: Request, path: str, query: str, message: FlashMessage, cluster: int | None = None
) -> Response:
    """Redirect to a page with a flash message.

    If that is the page of a cluster that is gone, to `cluster` instead, and if it is that of a person who was merged,
    to the person into whom.
    """
    head, _, number = path.rpartition("/")
    if number.isdecimal() and head == "/clusters":
        if int(number) not in request.app.state.viewer.snapshot.clusters:
            path = "/clusters" if cluster is None else f"/clusters/{cluster}"
    elif number.isdecimal() and head == "/people":
        into = request.app.state.editor.people.state.survivor(int(number))
        path = "/people" if into is None else f"/people/{into}"
    message_id = request.app.state.flash.add(message)
    query = "&".join(part for part in (query, f"flash={message_id}") if part)
    return RedirectResponse(urlunsplit(("", "", path, query, "")), 303)
