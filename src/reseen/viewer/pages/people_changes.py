"""Page of what an edit changed about people, such as the clusters of a new training, with undo; and its preview."""

from collections.abc import Iterable, Sequence
from typing import Annotated, NamedTuple

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response

from reseen.gallery.edits.edit import Edit
from reseen.gallery.people.differences import Difference, DifferenceKind
from reseen.viewer.edits.editor import Editor
from reseen.viewer.edits.people_edits import update_people
from reseen.viewer.person_rows import evenly_spaced
from reseen.viewer.templating import EditorDep, ViewerDep, page_slice, render

router = APIRouter(include_in_schema=False)

_PAGE_SIZE = 40
"""Differences on a page."""
_CROPS = 8
"""Crops shown of each."""
_MOST_EDITS = 30
"""Most recent edits of people that are listed."""

KINDS: dict[DifferenceKind, str] = {
    "conflict": "kept apart: a cluster holds crops of two people whom you know, and nothing was changed",
    "merged": "all crops of somebody went to somebody else",
    "split": "a new person was made of crops of somebody",
    "moved": "crops went from somebody to somebody else",
    "left": "crops are nobody's now",
    "named": "a name was given, changed or taken away",
    "joined": "crops of nobody went to somebody",
    "new": "a new person was made of crops of nobody",
    "asked": "whom crops show is a question now",
}
"""What each kind of difference means."""


class _Change(NamedTuple):
    """An edit of people."""

    number: int
    """Number of edits in effect before it."""
    edit: Edit
    can_undo: bool


@router.get("/people/changes")
def page(
    request: Request,
    viewer: ViewerDep,
    editor: EditorDep,
    edit: Annotated[int | None, Query(ge=0)] = None,
    preview: bool = False,
) -> Response:
    """What an edit changed, by default the last match with the clusters; or what a new one would change."""
    with viewer.lock:
        changes = _changes(editor)
        thresholds, chosen, differences = "", None, list[Difference]()
        if preview:
            update = update_people(editor, viewer.snapshot.version, dry_run=True)
            differences, thresholds = list(update.differences), update.thresholds
        else:
            chosen = _chosen(changes, edit)
            differences = editor.people.differences(chosen.edit) if chosen is not None else []
        snapshot, total = viewer.snapshot, len(editor.done)
        part = page_slice(request, differences, _PAGE_SIZE)
        known = snapshot.collection.rows
        shown = {
            place: evenly_spaced([key for key in one.keys if key in known], _CROPS)
            for place, one in enumerate(part.items)
        }
    viewer.thumbnails.prefetch(key for keys in shown.values() for key in keys)
    return render(
        request, "people_changes.html.j2", snapshot=snapshot, changes=changes[: -_MOST_EDITS - 1 : -1], chosen=chosen,
        part=part, shown=shown, counts=_counts(differences), kinds=KINDS, preview=preview, thresholds=thresholds,
        undone=total - chosen.number if chosen else 0, present=set(editor.people.state.members),
    )  # fmt: skip


def _changes(editor: Editor) -> list[_Change]:
    """The edits of people in effect, oldest first."""
    frozen = editor.people.journal.history.frozen
    return [_Change(number, edit, number >= frozen) for number, edit in enumerate(editor.done) if edit.people]


def _chosen(changes: Sequence[_Change], number: int | None) -> _Change | None:
    if number is not None:
        found = next((one for one in changes if one.number == number), None)
        if found is None:
            raise HTTPException(404, "There is no such edit of people in effect. It may have been undone.")
        return found
    updates = [one for one in changes if one.edit.kind == "people-update"]
    return updates[-1] if updates else changes[-1] if changes else None


def _counts(differences: Iterable[Difference]) -> dict[DifferenceKind, tuple[int, int]]:
    """Numbers of differences and of their crops of each kind that occurs."""
    counts: dict[DifferenceKind, tuple[int, int]] = {}
    for one in differences:
        count, crops = counts.get(one.kind, (0, 0))
        counts[one.kind] = count + 1, crops + len(one.keys)
    return counts
