"""Page of all people, each shown as a sheet of crops."""

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response

from reseen.gallery.filter import format_timestamp
from reseen.gallery.people.members import Person
from reseen.viewer.assignment import assignment_of
from reseen.viewer.edits.people_edits import nobodys
from reseen.viewer.pages import people_actions, people_changes, people_questions, person
from reseen.viewer.person_rows import evenly_spaced
from reseen.viewer.templating import EditorDep, ViewerDep, page_slice, render

router = APIRouter(include_in_schema=False)
for part in (people_actions, people_questions, people_changes, person):
    router.include_router(part.router)

_PAGE_SIZE = 24
"""People on a page."""
_CROPS = 8
"""Crops shown of each person, evenly spaced over time."""

PeopleSort = Literal["crops", "name", "last", "first", "unconfirmed", "id"]
PEOPLE_SORTS: dict[PeopleSort, str] = {
    "crops": "most crops",
    "name": "name",
    "last": "last seen",
    "first": "first seen",
    "unconfirmed": "least confirmed",
    "id": "number",
}


@router.get("/people")
def people(
    request: Request,
    viewer: ViewerDep,
    editor: EditorDep,
    sort: PeopleSort = "crops",
    camera: str = "",
    named: str = "",
) -> Response:
    """The page of people, sorted, and filtered by camera and by a part of the name or the number."""
    with viewer.lock:
        snapshot = viewer.snapshot
        everybody = editor.people.all()
        nobody = len(nobodys(editor.people))
        questions = len(editor.people.questions())
    wanted = named.strip().casefold()
    selected = [
        one
        for one in everybody
        if (not camera or camera in one.cameras) and (wanted in one.title.casefold() or wanted == str(one.id))
    ]
    selected.sort(key=lambda one: _sort_key(one, sort))
    part = page_slice(request, selected, _PAGE_SIZE)
    shown = {one.id: evenly_spaced(one.keys, _CROPS) for one in part.items}
    viewer.thumbnails.prefetch(key for keys in shown.values() for key in keys)
    return render(
        request, "people.html.j2", snapshot=snapshot, everybody=everybody, part=part, shown=shown, sort=sort,
        sorts=PEOPLE_SORTS, camera=camera, named=named, nobody=nobody, questions=questions,
        crops=sum(one.size for one in everybody), named_count=sum(one.name is not None for one in everybody),
        assignment=assignment_of(viewer, snapshot), format_time=format_timestamp,
    )  # fmt: skip


def _sort_key(one: Person, sort: PeopleSort) -> tuple[object, ...]:
    match sort:
        case "name":
            return one.name is None, (one.name or "").casefold(), one.id
        case "last":
            return one.last is None, -(one.last or 0.0), one.id
        case "first":
            return one.first is None, one.first or 0.0, one.id
        case "unconfirmed":
            return one.confirmed / one.size, -one.size, one.id
        case "crops":
            return -one.size, one.id
        case _:
            return (one.id,)
