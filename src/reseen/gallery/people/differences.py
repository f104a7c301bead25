"""What distinguishes the people before and after an edit: who is new, moved, merged, split or named."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from reseen.gallery.edits.people_change import PeopleState

DifferenceKind = Literal["conflict", "merged", "split", "moved", "left", "named", "joined", "new", "asked"]
"""`conflict`: one cluster holds crops of two people who a person knows, and nothing was changed; `merged`: all crops of
`other` went to `person`; `split`: `person` was made of crops of `other`; `moved`: crops of `other` went to `person`;
`left`: crops of `person` are nobody's now; `named`: `person` has another name; `joined`: crops of nobody went to
`person`; `new`: `person` was made of crops of nobody; `asked`: crops may show `person`, and a person is to say."""

_ORDER: tuple[DifferenceKind, ...] = (
    "conflict", "merged", "split", "moved", "left", "named", "joined", "new", "asked",
)  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """One difference between the people before and after."""

    kind: DifferenceKind
    person: int
    """Id of the person whom it is about."""
    other: int | None
    """Id of the other person; None if there is none."""
    keys: tuple[str, ...]
    """Keys of the crops."""
    text: str
    """A sentence without a full stop, such as `4 crops moved from person 7 to Anna`."""

    def to_json(self) -> dict[str, Any]:
        """JSON-serializable values."""
        return asdict(self)


def compare_people(before: PeopleState, after: PeopleState) -> list[Difference]:
    """All differences, those first that a person should look at."""
    moves: dict[tuple[int | None, int | None], list[str]] = {}
    for key in dict.fromkeys((*before.decisions, *after.decisions)):
        old, new = before.decisions.get(key), after.decisions.get(key)
        origin, to = None if old is None else old.person, None if new is None else new.person
        if origin != to:
            moves.setdefault((origin, to), []).append(key)
    found = [_moved(before, after, origin, to, keys) for (origin, to), keys in moves.items()]
    found += [
        Difference(
            "named", person, None, (), f"{before.title(person)} is {_named(after.name(person), person)}"
        )
        for person in after.members
        if person in before.members and after.name(person) != before.name(person)
    ]
    asked: dict[int, list[str]] = {}
    for key, candidates in after.questions.items():
        if before.questions.get(key) != candidates:
            asked.setdefault(candidates[0].person, []).append(key)
    found += [
        Difference("asked", person, None, tuple(keys), f"{_crops(keys)} may show {after.title(person)}")
        for person, keys in asked.items()
    ]
    return sort_differences(found)


def sort_differences(found: Iterable[Difference]) -> list[Difference]:
    """Those first that a person should look at, then by number of crops."""
    return sorted(found, key=lambda one: (_ORDER.index(one.kind), -len(one.keys), one.person, one.other or 0))


def conflict(state: PeopleState, person: int, other: int, keys: Iterable[str]) -> Difference:
    """The difference that is none: crops of `other` in a cluster of `person`, which stay where they are."""
    crops = tuple(keys)
    text = (
        f"{_crops(crops)} of {state.title(other)} in the cluster of {state.title(person)} "
        f"{'stays' if len(crops) == 1 else 'stay'} with {state.title(other)}"
    )
    return Difference("conflict", person, other, crops, text)


def _moved(
    before: PeopleState, after: PeopleState, origin: int | None, to: int | None, keys: list[str]
) -> Difference:
    crops = _crops(keys)
    if to is None:
        assert origin is not None  # pairs differ
        return Difference("left", origin, None, tuple(keys), f"{crops} of {before.title(origin)} left")
    if origin is None:
        if to in before.members:
            return Difference("joined", to, None, tuple(keys), f"{crops} joined {after.title(to)}")
        return Difference("new", to, None, tuple(keys), f"{after.title(to)} is new, with {crops}")
    if origin not in after.members:
        text = f"{before.title(origin)} was merged into {after.title(to)}: {crops}"
        return Difference("merged", to, origin, tuple(keys), text)
    if to not in before.members:
        text = f"{after.title(to)} was split off {before.title(origin)}: {crops}"
        return Difference("split", to, origin, tuple(keys), text)
    text = f"{crops} moved from {before.title(origin)} to {after.title(to)}"
    return Difference("moved", to, origin, tuple(keys), text)


def _named(name: str | None, person: int) -> str:
    return f"person {person}, without a name" if name is None else f"named {name}"


def _crops(keys: Iterable[str]) -> str:
    count = len(tuple(keys))
    return f"{count:,} {'crop' if count == 1 else 'crops'}"
