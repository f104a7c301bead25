"""Form action of the buttons of people: applies the edit and redirects back to the page."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from reseen.errors import GalleryError
from reseen.gallery.people.people import People
from reseen.gallery.people.update import PeopleUpdate
from reseen.viewer.edits.editor import EditError, Editor
from reseen.viewer.edits.people_edits import (
    crops_of_rows,
    merge_people,
    move_crops,
    reject_people,
    undo_until,
    update_people,
)
from reseen.viewer.edits.selected import plural
from reseen.viewer.pages.actions import redirect, redirect_target
from reseen.viewer.templating import EditorDep, FlashMessage

router = APIRouter(include_in_schema=False)


@router.post("/people/edits")
def apply_edit(
    request: Request,
    editor: EditorDep,
    *,
    do: Annotated[str, Form(max_length=40)],
    version: Annotated[int, Form()],
    back: Annotated[str, Form(max_length=2000)] = "/people",
    people: Annotated[list[int] | None, Form()] = None,
    crops: Annotated[list[str] | None, Form()] = None,
    rows: Annotated[list[str] | None, Form()] = None,
    to: Annotated[str, Form(max_length=400)] = "",
) -> Response:
    """Apply the edit `do`: a verb, optionally followed by the id of another person as in `move 3`.

    `people` are those it is about, `crops` and `rows` (the first crop of each) what is selected, `to` a name.
    """
    path, query = redirect_target(back)  # may fail, so before the edit
    try:
        with editor.viewer.lock:
            keys = [*(crops or ()), *crops_of_rows(editor.people, rows or ())]
            words = _apply(editor, version, do, people or [], list(dict.fromkeys(keys)), to)
    except (EditError, GalleryError) as error:
        return redirect(request, path, query, FlashMessage(str(error), is_error=True))
    message = FlashMessage(words[:1].upper() + words[1:], can_undo=not do.startswith("undo"))
    return redirect(request, path, query, message)


def _apply(editor: Editor, version: int, do: str, people: list[int], keys: list[str], to: str) -> str:
    """Apply an edit; return what was done, for the user."""
    verb, _, number = do.partition(" ")
    match verb:
        case "name":
            person = editor.edit_people(version, lambda known: known.rename(_one(people), to))
            return f"Person {person.id} {f'is {person.name}' if person.name else 'has no name'} now."
        case "merge" if to.strip() or number:
            other = editor.edit_people(version, lambda known: known.find(number or to)).id
            return _merge(editor, version, [*people, other])
        case "merge":
            return _merge(editor, version, people)
        case "move":
            person = move_crops(editor, version, keys, number or to)
            return f"{_crops(keys)} moved to {person.title}."
        case "split":
            person = editor.edit_people(version, lambda known: known.split(keys, to))
            return f"{_crops(keys)} {'is' if len(keys) == 1 else 'are'} {person.title} now."
        case "reject":
            editor.edit_people(version, lambda known: known.reject(keys, _one(people)))
            return f"{_crops(keys)} marked as not {_title(editor.people, _one(people))}."
        case "confirm":
            return _confirm(editor, version, people, keys)
        case "different":
            one, other = (_one(people), int(number)) if number.isdecimal() else _two(people)
            titles = [_title(editor.people, person) for person in (one, other)]
            reject_people(editor, version, one, other)
            return f"{titles[0]} and {titles[1]} are different people."
        case "update":
            return _updated(update_people(editor, version))
        case "undo" if number.isdecimal():
            count = undo_until(editor, version, int(number))
            return f"Undone: {count} {plural(count, 'edit')}. Redo takes them back one by one."
        case _:
            raise EditError(f"unknown edit '{verb}'")


def _merge(editor: Editor, version: int, people: list[int]) -> str:
    titles = {person: _title(editor.people, person) for person in people}
    into = merge_people(editor, version, people)
    gone = [title for person, title in titles.items() if person != into.id]
    return f"{' and '.join(gone)} merged into {into.title}."


def _confirm(editor: Editor, version: int, people: list[int], keys: list[str]) -> str:
    chosen = keys or list(editor.edit_people(version, lambda known: known.get(_one(people))).keys)
    editor.edit_people(version, lambda known: known.confirm(chosen))
    return f"{_crops(chosen)} confirmed."


def _updated(update: PeopleUpdate) -> str:
    if not update.changed:
        return "Nothing to change: people and clusters agree."
    counts = ", ".join(f"{count:,} {kind}" for kind, count in update.counts().items())
    return f"People updated: {counts}."


def _one(people: list[int]) -> int:
    if len(people) != 1:
        raise EditError("the person is missing")
    return people[0]


def _two(people: list[int]) -> tuple[int, int]:
    if len(people) != 2:
        raise EditError("select two different people")
    return people[0], people[1]


def _title(people: People, person: int) -> str:
    return people.get(person).title


def _crops(keys: list[str]) -> str:
    return f"{len(keys):,} {plural(len(keys), 'crop')}"
