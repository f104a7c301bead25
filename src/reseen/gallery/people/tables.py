"""People in a terminal: tables of people, of the sightings of one, and of open questions."""

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from reseen.gallery.filter import format_timestamp
from reseen.gallery.people.lookup import PeopleLookup, PersonQuestion
from reseen.gallery.people.members import Person, PersonSighting
from reseen.text import printable

_CAMERAS = 4
"""Cameras of a person in the table, at most."""


def people_table(people: Sequence[Person], count: int) -> Table:
    """A table of people, captioned by how many more there are of `count`."""
    table = _table("person", "name", "crops", "sightings", "confirmed", "cameras", "first", "last")
    for person in people:
        _add(
            table, str(person.id), person.name or "", f"{person.size:,}", f"{len(person.sightings):,}",
            f"{person.confirmed:,}" if person.confirmed else "", _cameras(person), format_timestamp(person.first),
            format_timestamp(person.last),
        )  # fmt: skip
    return _captioned(table, len(people), count)


def sighting_table(person: Person) -> Table:
    """A table of the sightings of a person, by time."""
    table = _table("first", "last", "camera", "tracklet", "crops", "decided by", "similarity", "first image")
    for sighting in person.sightings:
        scores = [member.score for member in sighting.members if member.score is not None]
        _add(
            table, format_timestamp(sighting.first), format_timestamp(sighting.last), sighting.camera or "",
            "" if sighting.tracklet is None else str(sighting.tracklet), f"{len(sighting.members):,}",
            _decided_by(sighting), f"{sum(scores) / len(scores):.2f}" if scores else "",
            sighting.members[0].entry.image,
        )  # fmt: skip
    return table


def question_table(people: PeopleLookup, questions: Sequence[PersonQuestion], count: int) -> Table:
    """A table of open questions, captioned by how many more there are of `count`."""
    table = _table("crops", "first image", "camera", "tracklet", "time", "may show")
    for question in questions:
        entry = people.collection.entries[people.collection.rows[question.keys[0]]]
        candidates = ", ".join(
            f"{people.state.title(one.person)} {one.similarity:.2f}" for one in question.candidates
        )
        _add(
            table, f"{len(question.keys):,}", entry.image, entry.camera or "",
            "" if entry.tracklet is None else str(entry.tracklet), format_timestamp(entry.time), candidates,
        )  # fmt: skip
    return _captioned(table, len(questions), count)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    numbers = ("person", "crops", "sightings", "confirmed", "similarity", "tracklet")
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return table


def _add(table: Table, *cells: str) -> None:
    table.add_row(*(Text(printable(cell)) for cell in cells))


def _captioned(table: Table, shown: int, count: int) -> Table:
    if count > shown:
        table.caption = f"and {count - shown:,} more"
    return table


def _cameras(person: Person) -> str:
    known = [
        f"{'unknown' if camera is None else camera} {count:,}" for camera, count in person.cameras.items()
    ]
    more = f", {len(known) - _CAMERAS} more" if len(known) > _CAMERAS else ""
    return ", ".join(known[:_CAMERAS]) + more


def _decided_by(sighting: PersonSighting) -> str:
    return ", ".join(dict.fromkeys(member.by for member in sighting.members))
