"""Edits of people as pages and programs ask for them: by text, by rows of crops, and several at once."""

from collections.abc import Iterable, Sequence

from reseen.errors import GalleryError
from reseen.gallery.people.assign import Thresholds
from reseen.gallery.people.consequences import central_keys
from reseen.gallery.people.members import Person
from reseen.gallery.people.people import People
from reseen.gallery.people.update import PeopleUpdate
from reseen.viewer.edits.editor import Editor
from reseen.viewer.edits.selected import EditError
from reseen.viewer.person_rows import rows_of_nobody, rows_of_person


def crops_of_rows(people: People, rows: Iterable[str]) -> list[str]:
    """Keys of all crops of the rows that begin with some crops.

    Raises:
        EditError: a row begins with another crop by now.
    """
    keys: list[str] = []
    for first in rows:
        person = people.person_of(first)
        if person is not None:
            candidates = rows_of_person(people.get(person))
        elif first in people.collection.rows:
            candidates = rows_of_nobody(people.collection, nobodys(people))
        else:
            candidates = []
        row = next((row for row in candidates if row.key == first), None)
        if row is None:
            raise EditError("a row of crops is another one by now; reload the page")
        keys += [member.key for member in row.members]
    return keys


def nobodys(people: People) -> list[str]:
    """Keys of the crops that are nobody's, without those of open questions."""
    state = people.state
    return [
        key for key in people.collection.keys if key not in state.decisions and key not in state.questions
    ]


def merge_people(editor: Editor, version: int, people: Sequence[int]) -> Person:
    """Merge people into one: who has a name, else who has most crops that a person decided, else most crops."""

    def merge(known: People) -> Person:
        found = [known.get(person) for person in dict.fromkeys(people)]
        if len(found) < 2:
            raise EditError("select at least two people to merge")
        into = max(found, key=lambda one: (one.name is not None, one.confirmed, one.size, -one.id))
        return known.merge(into.id, [one.id for one in found if one is not into])

    return editor.edit_people(version, merge)


def move_crops(editor: Editor, version: int, keys: Sequence[str], to: str) -> Person:
    """Say that crops show the person of an id or a name; a name that nobody has is that of a new person."""
    name = to.strip()
    if not name:
        raise EditError("enter the name or the number of a person")

    def move(people: People) -> Person:
        if name.isdecimal() or people.named(name):
            return people.move(keys, people.find(name).id)
        people.assign(dict.fromkeys(keys, name))
        return people.find(name)

    return editor.edit_people(version, move)


def reject_people(editor: Editor, version: int, one: int, other: int) -> None:
    """Say that two people are not one, by their most central crops."""
    with editor.viewer.lock:
        try:
            people = [editor.people.get(one), editor.people.get(other)]
        except GalleryError as error:
            raise EditError(str(error)) from None
        if one == other:
            raise EditError("choose two people")
        keys = [key for found in people for key in central_keys(editor.people.collection, found.keys)]
        editor.mark_different(version, keys)


def update_people(editor: Editor, version: int, *, dry_run: bool = False) -> PeopleUpdate:
    """Match people with the clusters as they are, by the calibrated thresholds; see `People.update`."""
    return editor.edit_people(version, lambda people: people.update(thresholds_of(editor), dry_run=dry_run))


def thresholds_of(editor: Editor) -> Thresholds:
    """The thresholds of the gallery's calibration."""
    gallery = editor.viewer.gallery
    return Thresholds.choose(gallery.calibration, gallery.why_uncalibrated)


def undo_until(editor: Editor, version: int, number: int) -> int:
    """Undo the last edits until the first `number` are left in effect, and return how many were undone.

    Raises:
        EditError: there is nothing to undo, or the crops were clustered anew since.
    """
    with editor.viewer.lock:
        frozen = editor.people.journal.history.frozen
        if not frozen <= number < len(editor.done):
            raise EditError(
                "these edits cannot be undone any more: the crops were clustered anew since"
                if number < frozen
                else "there is nothing to undo"
            )
        undone = 0
        while len(editor.done) > number:
            editor.undo(version if not undone else editor.viewer.snapshot.version)
            undone += 1
        return undone
