"""The crops of a person, or of nobody, in rows: a tracklet each, and crops without one that a camera took in turn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from reseen.gallery.collection import Collection
from reseen.gallery.people.members import Member, Person, PersonSighting, by_time
from reseen.viewer.timeline import Timeline, TimelineItem, place_appearances

Item = TypeVar("Item")

MOST_POINTS = 500
"""Rows on a timeline; evenly spaced ones of a person who has more."""


@dataclass(frozen=True)
class PersonRow:
    """Crops that are shown in one row and can be selected at once."""

    members: tuple[Member, ...]
    """By time."""

    @property
    def key(self) -> str:
        """Key of the first crop, by which the row is found again."""
        return self.members[0].key

    @property
    def camera(self) -> str | None:
        """Camera name; None if unknown."""
        return self.members[0].entry.camera

    @property
    def tracklet(self) -> int | None:
        """Tracklet number; None for crops without one."""
        return self.members[0].entry.tracklet

    @property
    def first(self) -> float | None:
        """Earliest time in seconds; None if no time is known."""
        return min((m.entry.time for m in self.members if m.entry.time is not None), default=None)

    @property
    def last(self) -> float | None:
        """Latest time in seconds; None if no time is known."""
        return max((m.entry.time for m in self.members if m.entry.time is not None), default=None)

    @property
    def confirmed(self) -> int:
        """Number of crops that a person decided on."""
        return sum(member.by == "person" for member in self.members)

    def shown(self, most: int) -> list[Member]:
        """All crops, or `most` evenly spaced ones of more."""
        return evenly_spaced(self.members, most)


def evenly_spaced(items: Sequence[Item], most: int) -> list[Item]:
    """All items, or `most` of more, at least 2: the first, the last, and evenly spaced ones between."""
    if len(items) <= most:
        return list(items)
    return [items[place * (len(items) - 1) // (most - 1)] for place in range(most)]


def rows_of_person(person: Person) -> list[PersonRow]:
    """The rows of a person, by time."""
    return _rows(person.sightings)


def rows_of_nobody(collection: Collection, keys: Iterable[str]) -> list[PersonRow]:
    """The rows of crops that are nobody's, by time."""
    members = [Member(collection.entries[collection.rows[key]], "cluster", None) for key in keys]
    return _rows(Person(0, None, tuple(sorted(members, key=by_time))).sightings)


def timeline_of_rows(rows: Sequence[PersonRow], url: str, page_size: int) -> Timeline:
    """The timeline of rows; a point leads to the row on the page at `url` that has it."""
    step = max(1, -(-len(rows) // MOST_POINTS))
    return place_appearances(
        [
            TimelineItem(
                row.camera,
                row.first,
                row.last,
                f"{len(row.members)} {'crop' if len(row.members) == 1 else 'crops'}",
                f"{url}?page={place // page_size + 1}#row-{row.key}",
            )
            for place, row in enumerate(rows)
            if place % step == 0
        ]
    )


def _rows(sightings: Iterable[PersonSighting]) -> list[PersonRow]:
    groups = groupby(sightings, lambda one: (one.source, one.camera, one.tracklet))
    return [PersonRow(tuple(member for one in some for member in one.members)) for _, some in groups]
