"""What an edit changes about people, and the people that follow from all edits in effect."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from reseen.reading import parse_as

DecidedBy = Literal["person", "cluster", "tracklet", "similarity"]
"""Who decided whose crop it is: a person, or the machine by the crop's cluster, its tracklet or its similarity."""


class Decision(NamedTuple):
    """Whose crop it is."""

    person: int
    """Id of the person."""
    by: DecidedBy
    score: float | None = None
    """Cosine similarity that the machine decided by, -1 to 1; None for decisions of a person and by tracklet."""


class Candidate(NamedTuple):
    """A person whom a crop may show."""

    person: int
    similarity: float
    """Cosine similarity of the crops with the most similar ones of the person, -1 to 1."""


@dataclass(frozen=True)
class PeopleChange:
    """Values after an edit of what it changes; crops are referred to by key."""

    members: Mapping[str, Decision | None] = field(default_factory=dict)
    """Decision on each crop; None takes it out of all people."""
    names: Mapping[int, str | None] = field(default_factory=dict)
    """Name of each person who was made or renamed; None for no name."""
    merged: Mapping[int, int] = field(default_factory=dict)
    """Into whom each person was merged who has no crops any more."""
    rejected: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """People whom each crop does not show, by a person's word."""
    questions: Mapping[str, tuple[Candidate, ...]] = field(default_factory=dict)
    """Candidates that a person is to choose from, most similar first; none where the question is closed."""

    def __bool__(self) -> bool:
        return any((self.members, self.names, self.merged, self.rejected, self.questions))

    @property
    def people(self) -> set[int]:
        """Ids of all people who occur."""
        found = {decision.person for decision in self.members.values() if decision is not None}
        found |= {*self.names, *self.merged, *self.merged.values()}
        found |= {person for people in self.rejected.values() for person in people}
        return found | {candidate.person for some in self.questions.values() for candidate in some}

    @property
    def keys(self) -> set[str]:
        """Keys of all crops that occur."""
        return {*self.members, *self.rejected, *self.questions}

    def without(self, keys: Collection[str], nameless: Collection[int]) -> "PeopleChange":
        """The change without some crops, and without the names of some people."""
        return PeopleChange(
            {key: decision for key, decision in self.members.items() if key not in keys},
            {person: None if person in nameless else name for person, name in self.names.items()},
            self.merged,
            {key: people for key, people in self.rejected.items() if key not in keys},
            {key: some for key, some in self.questions.items() if key not in keys},
        )

    def to_plain(self) -> dict[str, Any]:
        """A JSON-serializable dictionary; crops of one person decided the same way are listed together."""
        groups: dict[tuple[int, str] | None, dict[str, float | None]] = {}
        for key, decision in self.members.items():
            group = None if decision is None else (decision.person, decision.by)
            groups.setdefault(group, {})[key] = None if decision is None else decision.score
        plain = {
            "members": [[*(group or (None, None)), scores] for group, scores in groups.items()],
            "names": {str(person): name for person, name in self.names.items()},
            "merged": {str(person): into for person, into in self.merged.items()},
            "rejected": dict(self.rejected),
            "questions": {key: [list(one) for one in some] for key, some in self.questions.items()},
        }
        return {name: values for name, values in plain.items() if values}

    @classmethod
    def from_plain(cls, plain: Any) -> "PeopleChange":
        """The inverse of `to_plain`.

        Raises:
            ValueError: `plain` is not a valid change.
        """
        read = parse_as(_Plain, json.dumps(plain))
        members: dict[str, Decision | None] = {}
        for person, by, scores in read.members:
            if (person is None) != (by is None):
                raise ValueError("a decision lacks the person or who decided")
            for key, score in scores.items():
                members[key] = None if person is None or by is None else Decision(person, by, score)
        change = cls(
            members,
            {_id(person): name for person, name in read.names.items()},
            {_id(person): into for person, into in read.merged.items()},
            read.rejected,
            {key: tuple(Candidate(*one) for one in some) for key, some in read.questions.items()},
        )
        if any(not 0 < person < 2**62 for person in change.people):
            raise ValueError("the id of a person is out of range")
        return change


@dataclass(frozen=True)
class _Plain:
    members: tuple[tuple[int | None, DecidedBy | None, dict[str, float | None]], ...] = ()
    names: dict[str, str | None] = field(default_factory=dict)
    merged: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, tuple[int, ...]] = field(default_factory=dict)
    questions: dict[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)


def _id(text: str) -> int:
    if len(text) > 18 or not text.isascii() or not text.isdecimal():
        raise ValueError(f"'{text[:30]}' is not the id of a person")
    return int(text)


class PeopleState:
    """The people after a sequence of changes. A person without crops is gone, and comes back with the first crop."""

    def __init__(self, changes: Iterable[PeopleChange] = ()) -> None:
        self.decisions: dict[str, Decision] = {}
        """Whose crop it is, by key; only crops of somebody."""
        self.members: dict[int, dict[str, None]] = {}
        """Keys of the crops of each person who is there, in the order in which they were decided."""
        self.merged: dict[int, int] = {}
        """Into whom each person was merged who is gone."""
        self.rejected: dict[str, tuple[int, ...]] = {}
        """People whom a crop does not show, by key."""
        self.questions: dict[str, tuple[Candidate, ...]] = {}
        """Open questions: candidates by key."""
        self._names: dict[int, str | None] = {}
        for change in changes:
            self.apply(change)

    def apply(self, change: PeopleChange) -> None:
        """Apply a change."""
        self._names.update(change.names)
        self.merged.update(change.merged)
        for key, decision in change.members.items():
            before = self.decisions.pop(key, None)
            if before is not None:
                del self.members[before.person][key]
                if not self.members[before.person]:
                    del self.members[before.person]
            if decision is not None:
                self.decisions[key] = decision
                self.members.setdefault(decision.person, {})[key] = None
        self.rejected.update(change.rejected)
        for key, candidates in change.questions.items():
            if candidates:
                self.questions[key] = candidates
            else:
                self.questions.pop(key, None)

    def name(self, person: int) -> str | None:
        """Name of a person; None for no name."""
        return self._names.get(person)

    def title(self, person: int) -> str:
        """The name, or `person 12` for a person without one."""
        return self._names.get(person) or f"person {person}"

    def confirmed(self, person: int) -> int:
        """Number of crops of a person that a person decided on."""
        return sum(self.decisions[key].by == "person" for key in self.members.get(person, ()))

    def survivor(self, person: int) -> int | None:
        """The person who a person without crops was merged into, in the end; None where there is nobody."""
        seen: set[int] = set()
        while person not in self.members:
            if person in seen or person not in self.merged:
                return None
            seen.add(person)
            person = self.merged[person]
        return person
