"""An edit of a gallery: what it changes about clusters and people, and what it implies about pairs of crops."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from reseen.audit.answers import Verdict
from reseen.gallery.edits.people_change import PeopleChange
from reseen.reading import parse_as

Kind = Literal[
    "merge", "split", "move", "same", "different", "unsure",
    "person-name", "person-merge", "person-split", "person-move", "person-reject", "person-confirm", "people-update",
]  # fmt: skip


class PairAnswer(NamedTuple):
    """The answer to the question whether two crops, by key, show one person."""

    one: str
    other: str
    verdict: Verdict


@dataclass(frozen=True)
class Edit:
    """An edit of clusters or people, or an answer. Crops are referred to by key; no path, image or vector is stored."""

    kind: Kind
    time: str
    """UTC, ISO 8601."""
    words: str
    """Description, such as `merged cluster 7 into 3`; names no person by name."""
    before: Mapping[str, int | None] = field(default_factory=dict)
    """Previous cluster of each crop that moved."""
    after: Mapping[str, int | None] = field(default_factory=dict)
    """New cluster of each crop that moved."""
    same: tuple[tuple[str, ...], ...] = ()
    """Groups of keys, each of one person (must-link)."""
    different: tuple[tuple[str, str], ...] = ()
    """Pairs of keys of different people (cannot-link)."""
    asked: tuple[str, ...] = ()
    """The two keys of a question that this answers, `kind` being the answer; empty for other edits."""
    people: PeopleChange | None = None
    """What it changes about people; None for nothing."""
    adopted: tuple[PairAnswer, ...] = ()
    """Answers that were given in another gallery; what they imply about pairs is in `same` and `different`."""

    @property
    def answers(self) -> tuple[PairAnswer, ...]:
        """The questions that it answers, or answers from another gallery."""
        if self.asked and (self.kind == "same" or self.kind == "different" or self.kind == "unsure"):
            return (PairAnswer(self.asked[0], self.asked[1], self.kind), *self.adopted)
        return self.adopted

    @property
    def keys(self) -> set[str]:
        """Keys of all crops that occur."""
        groups = (*self.same, *self.different, *((one.one, one.other) for one in self.answers))
        pairs = {key for group in groups for key in group}
        return pairs | self.before.keys() | (self.people.keys if self.people else set())

    def without(self, keys: Collection[str], nameless: Collection[int] = ()) -> "Edit | None":
        """The edit without some crops and the names of some people; None if nothing is left of it."""
        same = tuple(tuple(key for key in group if key not in keys) for group in self.same)
        edit = replace(
            self,
            before={key: cluster for key, cluster in self.before.items() if key not in keys},
            after={key: cluster for key, cluster in self.after.items() if key not in keys},
            same=tuple(group for group in same if len(group) > 1),
            different=tuple(pair for pair in self.different if not set(pair) & set(keys)),
            asked=() if set(self.asked) & set(keys) else self.asked,
            people=self.people.without(keys, nameless) if self.people else None,
            adopted=tuple(one for one in self.adopted if not {one.one, one.other} & set(keys)),
        )
        if edit.people is not None and not edit.people.keys and set(edit.people.names) <= set(nameless):
            edit = replace(edit, people=None)
        kept = edit.before or edit.same or edit.different or edit.answers or edit.people
        return edit if kept else None

    def to_plain(self) -> dict[str, Any]:
        """A JSON-serializable dictionary."""
        plain = {
            "kind": self.kind, "time": self.time, "words": self.words, "before": dict(self.before),
            "after": dict(self.after), "same": self.same, "different": self.different,
            "asked": self.asked,
        }  # fmt: skip
        plain |= {"adopted": self.adopted} if self.adopted else {}
        return plain | ({"people": self.people.to_plain()} if self.people else {})

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Edit":
        """The inverse of `to_plain`.

        Raises:
            ValueError: `plain` is not a valid edit.
        """
        if not isinstance(plain, Mapping):
            raise ValueError("an edit is an object")
        people = PeopleChange.from_plain(plain["people"]) if "people" in plain else None
        values = {name: value for name, value in plain.items() if name != "people"}
        edit = replace(parse_as(cls, json.dumps(values)), people=people)
        if edit.before.keys() != edit.after.keys():
            raise ValueError("before and after have different keys")
        if edit.asked and (len(edit.asked) != 2 or edit.kind not in ("same", "different", "unsure")):
            raise ValueError("a question is on two crops")
        if any(number is not None and not -1 <= number < 2**62 for number in _cluster_numbers(edit)):
            raise ValueError("a cluster number is out of range")
        return edit


def _cluster_numbers(edit: Edit) -> Iterable[int | None]:
    return (*edit.before.values(), *edit.after.values())
