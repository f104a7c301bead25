"""A person of a gallery: crops with who decided on each, and the sightings that they make up."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from reseen.gallery.edits.people_change import DecidedBy
from reseen.gallery.entries import Entry


@dataclass(frozen=True)
class Member:
    """A crop of a person."""

    entry: Entry
    """The crop, without its thumbnail."""
    by: DecidedBy
    """Who decided that it shows the person: a person, or the machine by its cluster, tracklet or similarity."""
    score: float | None
    """Cosine similarity that the machine decided by, -1 to 1; None for decisions of a person and by tracklet."""

    @property
    def key(self) -> str:
        """Key of the crop."""
        return self.entry.key


@dataclass(frozen=True)
class PersonSighting:
    """A tracklet of a person, or one crop without a tracklet."""

    source: str
    """Absolute path of the folder that its images are relative to."""
    tracklet: int | None
    """Tracklet number within the source; None for a crop without one."""
    camera: str | None
    """Camera name; None if unknown."""
    first: float | None
    """Earliest time in seconds; None if no time is known."""
    last: float | None
    """Latest time in seconds; None if no time is known."""
    members: tuple[Member, ...]
    """Its crops, by time."""


@dataclass(frozen=True)
class Person:
    """A person of a gallery, who has at least one crop.

    Example:
        >>> person = gallery.people.find("Anna")
        >>> person.id, person.size, person.cameras
        (12, 31, {'c1': 20, 'c4': 11})
    """

    id: int
    """Number of the person, from 1; it is kept by every change of the clusters and never given again."""
    name: str | None
    members: tuple[Member, ...]
    """Crops by time, those without a time last."""

    @property
    def title(self) -> str:
        """The name, or `person 12` for a person without one."""
        return self.name or f"person {self.id}"

    @property
    def size(self) -> int:
        """Number of crops."""
        return len(self.members)

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the crops."""
        return tuple(member.key for member in self.members)

    @property
    def confirmed(self) -> int:
        """Number of crops that a person decided on."""
        return sum(member.by == "person" for member in self.members)

    @cached_property
    def cameras(self) -> dict[str | None, int]:
        """Number of crops of each camera, the most frequent first; None for unknown cameras."""
        return dict(Counter(member.entry.camera for member in self.members).most_common())

    @cached_property
    def sightings(self) -> tuple[PersonSighting, ...]:
        """Tracklets and crops without one, by their first time."""
        groups: dict[object, list[Member]] = {}
        for member in self.members:
            groups.setdefault(member.entry.group, []).append(member)
        return tuple(_sighting(tuple(members)) for members in groups.values())

    @property
    def first(self) -> float | None:
        """Earliest time in seconds; None if no time is known."""
        return min((m.entry.time for m in self.members if m.entry.time is not None), default=None)

    @property
    def last(self) -> float | None:
        """Latest time in seconds; None if no time is known."""
        return max((m.entry.time for m in self.members if m.entry.time is not None), default=None)


def by_time(member: Member) -> tuple[Any, ...]:
    """Sort key of members: by time, crops without a time last, then by name."""
    entry = member.entry
    return entry.time is None, entry.time or 0.0, entry.source, entry.image


def _sighting(members: tuple[Member, ...]) -> PersonSighting:
    entry = members[0].entry
    times = [member.entry.time for member in members if member.entry.time is not None]
    return PersonSighting(
        entry.source,
        entry.tracklet,
        entry.camera,
        min(times, default=None),
        max(times, default=None),
        members,
    )
