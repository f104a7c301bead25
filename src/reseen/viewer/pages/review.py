"""Suggestions to judge, one click each; what was done so far; where it is saved."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from reseen.viewer.edits.statements import statements
from reseen.viewer.edits.suggestions import crops_of, suggest
from reseen.viewer.templating import ThisMender, ThisViewer, show

router = APIRouter(include_in_schema=False)

_EACH = 6
"""Suggestions of each kind."""
_CROPS = 5
"""Of each cluster."""
_PAST = 30
"""Mends that are listed."""


@router.get("/review")
def review(request: Request, viewer: ThisViewer, editor: ThisMender) -> Response:
    """The page."""
    with viewer.lock:
        now, done = viewer.now, list(editor.done)
    said = statements(done, now.collection.keys)
    suggested = suggest(now, said, _EACH)
    viewer.thumbnails.warm(now.collection.keys[row] for row in crops_of(suggested, _CROPS))
    return show(
        request, "review.html.j2", now=now, suggested=suggested, crops=_CROPS, past=done[: -_PAST - 1 : -1],
        done=len(done), statements=said, undone=len(editor.undone),
    )  # fmt: skip
