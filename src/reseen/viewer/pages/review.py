"""Review page: suggested edits to accept or reject, and the edits made so far."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from reseen.gallery.edits.pair_constraints import pair_constraints
from reseen.viewer.assignment import assignment_of
from reseen.viewer.edits.suggestions import shown_rows, suggest
from reseen.viewer.templating import EditorDep, ViewerDep, render

router = APIRouter(include_in_schema=False)

_SUGGESTIONS, _MAX_SUGGESTIONS = 6, 96
"""Suggestions shown of each kind: at first, and at most."""
_CROPS = 5
"""Crops shown of each cluster."""
_MAX_EDITS = 30
"""Most recent edits that are listed."""


@router.get("/review")
def review(
    request: Request,
    viewer: ViewerDep,
    editor: EditorDep,
    count: Annotated[int, Query(ge=1, le=_MAX_SUGGESTIONS)] = _SUGGESTIONS,
) -> Response:
    """The page, with the best `count` suggestions of each kind."""
    with viewer.lock:
        snapshot, done = viewer.snapshot, list(editor.done)
    constraints = pair_constraints(done, snapshot.collection.keys)
    suggestions = suggest(snapshot, constraints, count)
    most = min(_MAX_SUGGESTIONS, max(ranked.total for ranked in suggestions))
    viewer.thumbnails.prefetch(snapshot.collection.keys[row] for row in shown_rows(suggestions, _CROPS))
    return render(
        request, "review.html.j2", snapshot=snapshot, suggestions=suggestions, crops=_CROPS,
        recent=done[: -_MAX_EDITS - 1 : -1], edit_count=len(done), constraints=constraints,
        more=min(_MAX_SUGGESTIONS, 2 * count) if count < most else 0, assignment=assignment_of(viewer, snapshot),
    )  # fmt: skip
