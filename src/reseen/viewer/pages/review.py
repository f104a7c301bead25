"""Review page: suggested edits to accept or reject, and the edits made so far."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from reseen.viewer.edits.pair_constraints import pair_constraints
from reseen.viewer.edits.suggestions import shown_rows, suggest
from reseen.viewer.templating import EditorDep, ViewerDep, render

router = APIRouter(include_in_schema=False)

_MAX_SUGGESTIONS = 6
"""Suggestions shown of each kind."""
_CROPS = 5
"""Crops shown of each cluster."""
_MAX_EDITS = 30
"""Most recent edits that are listed."""


@router.get("/review")
def review(request: Request, viewer: ViewerDep, editor: EditorDep) -> Response:
    """The page."""
    with viewer.lock:
        snapshot, done = viewer.snapshot, list(editor.done)
    constraints = pair_constraints(done, snapshot.collection.keys)
    suggestions = suggest(snapshot, constraints, _MAX_SUGGESTIONS)
    viewer.thumbnails.prefetch(snapshot.collection.keys[row] for row in shown_rows(suggestions, _CROPS))
    return render(
        request, "review.html.j2", snapshot=snapshot, suggestions=suggestions, crops=_CROPS,
        recent=done[: -_MAX_EDITS - 1 : -1], edit_count=len(done), constraints=constraints,
    )  # fmt: skip
