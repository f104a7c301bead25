"""What follows when crops go to another person: people who have none left, closed questions, and pairs for training."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from reseen.gallery.collection import Collection
from reseen.gallery.edits.pair_constraints import hard_negative_pairs
from reseen.gallery.edits.people_change import Decision, PeopleChange, PeopleState

ANCHORS = 5
"""Crops of each person that count as decided by a person when people are merged: the most central ones. They keep the
merged people together when the crops are clustered anew; the others still follow the clustering."""


def central_keys(collection: Collection, keys: Iterable[str], most: int = 1) -> tuple[str, ...]:
    """The crops that are most similar to the mean of some, best first; those not in the gallery are left out."""
    rows = [collection.rows[key] for key in keys if key in collection.rows]
    if not rows:
        return ()
    vectors = collection.vectors[rows].astype(np.float32)
    order = np.argsort(-(vectors @ vectors.sum(axis=0)), kind="stable")[:most]
    return tuple(collection.keys[rows[place]] for place in order.tolist())


def decided(
    state: PeopleState, members: Mapping[str, Decision | None], names: Mapping[int, str | None]
) -> PeopleChange:
    """The change that gives crops to people; people who lose their last crop are merged into whom it goes to."""
    left: dict[int, list[str]] = {}
    for key in members:
        if (before := state.decisions.get(key)) is not None:
            left.setdefault(before.person, []).append(key)
    merged: dict[int, int] = {}
    for person, keys in left.items():
        targets = Counter(one.person for key in keys if (one := members[key]) is not None)
        if len(keys) == len(state.members[person]) and targets and person not in targets:
            merged[person] = min(targets, key=lambda one: (-targets[one], one))
    closed = {key: () for key in members if key in state.questions}
    rejected = {
        key: tuple(one for one in state.rejected[key] if one != decision.person)
        for key, decision in members.items()
        if decision is not None and decision.person in state.rejected.get(key, ())
    }
    return PeopleChange(members, {**_inherited(state, merged, names), **names}, merged, rejected, closed)


def _inherited(
    state: PeopleState, merged: Mapping[int, int], names: Mapping[int, str | None]
) -> dict[int, str | None]:
    """Names that people without one take over, where exactly one of those merged into them has one."""
    offered: dict[int, list[str]] = {}
    for person, into in merged.items():
        if name := state.name(person):
            offered.setdefault(into, []).append(name)
    return {
        into: found[0]
        for into, found in offered.items()
        if len(found) == 1 and not state.name(into) and not names.get(into)
    }


def separated_pairs(
    state: PeopleState, collection: Collection, people: Mapping[str, int]
) -> list[tuple[str, str]]:
    """Pairs of different people that follow when crops leave a person: with the most central and similar ones left."""
    left: dict[int, list[str]] = {}
    for key, person in people.items():
        before = state.decisions.get(key)
        if before is not None and before.person != person:
            left.setdefault(before.person, []).append(key)
    found: list[tuple[str, str]] = []
    rows = collection.rows
    for person, keys in left.items():
        rest = [key for key in state.members[person] if key not in people and key in rows]
        if rest:
            (central,) = central_keys(collection, rest)
            others = [rows[central], *(rows[key] for key in rest if key != central)]
            found += hard_negative_pairs(collection, [rows[key] for key in keys], others)
    return found


def people_of_clusters(
    state: PeopleState,
    free: int,
    keys: Sequence[str],
    others: Sequence[str] | None,
    anchors: Sequence[str] | None = None,
) -> PeopleChange | None:
    """What moving crops to another cluster by hand changes about people; None if there are none or nothing changes.

    Args:
        state: the people before.
        free: id of the next new person.
        keys: crops that are moved.
        others: crops of the cluster that they are moved to; None if they are taken out of all clusters.
        anchors: crops that count as decided by a person; all that are moved if None.
    """
    if not state.members:
        return None
    if others is None:
        own = [key for key in keys if key in state.decisions]
        return PeopleChange(dict.fromkeys(own)) if own else None
    votes = Counter(state.decisions[key].person for key in others if key in state.decisions)
    names: dict[int, str | None] = {} if votes else {free: None}
    target = min(votes, key=lambda one: (-votes[one], one)) if votes else free
    by_person = set(keys if anchors is None else anchors)
    members: dict[str, Decision | None] = {
        key: Decision(target, "person" if key in by_person else "cluster") for key in keys
    }
    if anchors is not None:
        members |= {key: Decision(target, "person") for key in anchors if key in others}
    return decided(state, members, names)


def listed(people: Sequence[int]) -> str:
    """Text such as `3, 5 and 7`."""
    *most, last = map(str, people)
    return f"{', '.join(most)} and {last}" if most else last


def counted(keys: Sequence[str]) -> str:
    """Text such as `3 crops`."""
    return f"{len(keys):,} {'crop' if len(keys) == 1 else 'crops'}"
