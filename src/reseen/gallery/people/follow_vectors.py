"""Vectors second: whose the crops in no cluster are, by their tracklet or by similarity, or a question."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from reseen.gallery.collection import NOISE
from reseen.gallery.edits.people_change import Candidate, Decision
from reseen.gallery.people.camera_graph import TimedSighting
from reseen.gallery.people.people_plan import PeoplePlan


class _Unit(NamedTuple):
    """Crops that show one person: those of a tracklet, or one crop."""

    rows: list[int]
    sighting: TimedSighting


def follow_vectors(plan: PeoplePlan) -> None:
    """Step 3."""
    units = _loose_units(plan)
    if not units:
        return
    index = plan.index()
    seen = _sightings(plan)
    for unit in units:
        keys = [plan.collection.keys[row] for row in unit.rows]
        rejected = {person for key in keys for person in plan.state.rejected.get(key, ())}

        def allowed(person: int, unit: _Unit = unit, rejected: set[int] = rejected) -> bool:
            if person in rejected:
                return False
            return plan.graph is None or plan.graph.allows(seen.get(person, ()), unit.sighting)

        vectors = plan.collection.vectors[unit.rows].astype(np.float32)
        verdict = index.decide(vectors, plan.thresholds, allowed)
        outlier = all(plan.collection.clusters[row] == NOISE for row in unit.rows)
        if verdict.kind == "known":
            best = verdict.candidates[0]
            person, decision = (
                best.person,
                Decision(best.person, "similarity", round(best.similarity, 4)),
            )
        elif verdict.kind == "new" and not outlier:
            person = plan.new_person()
            decision = Decision(person, "similarity")
        else:
            if verdict.kind == "ask" and not outlier:
                plan.questions |= dict.fromkeys(
                    keys, tuple(Candidate(one.person, round(one.similarity, 4)) for one in verdict.candidates)
                )
            continue
        plan.members |= dict.fromkeys(keys, decision)
        index.add(person, vectors)
        seen.setdefault(person, []).append(unit.sighting)


def _loose_units(plan: PeoplePlan) -> list[_Unit]:
    """Tracklets and crops of nobody in no cluster, by time; those of known tracklets go to their person instead."""
    groups: dict[object, list[int]] = {}
    people: dict[object, Counter[int]] = {}
    for row, entry in enumerate(plan.collection.entries):
        group, decision = entry.group, plan.decision(plan.collection.keys[row])
        if decision is not None:
            people.setdefault(group, Counter())[decision.person] += 1
        elif plan.collection.clusters[row] < 0:
            groups.setdefault(group, []).append(row)
    units = []
    for group, rows in groups.items():
        if (of_tracklet := people.get(group)) is not None:
            _join_tracklet(plan, rows, min(of_tracklet, key=lambda one: (-of_tracklet[one], one)))
        else:
            units.append(_Unit(rows, _sighting(plan, rows)))
    return sorted(units, key=lambda one: (one.sighting.first is None, one.sighting.first or 0.0, one.rows[0]))


def _join_tracklet(plan: PeoplePlan, rows: list[int], person: int) -> None:
    for row in rows:
        key = plan.collection.keys[row]
        if person not in plan.state.rejected.get(key, ()):
            plan.members[key] = Decision(person, "tracklet")


def _sightings(plan: PeoplePlan) -> dict[int, list[TimedSighting]]:
    if plan.graph is None:
        return {}
    return {
        person: [_sighting(plan, group) for group in _tracklets(plan, rows)]
        for person, rows in plan.rows_by_person().items()
    }


def _tracklets(plan: PeoplePlan, rows: list[int]) -> Iterable[list[int]]:
    groups: dict[object, list[int]] = {}
    for row in rows:
        groups.setdefault(plan.collection.entries[row].group, []).append(row)
    return groups.values()


def _sighting(plan: PeoplePlan, rows: Sequence[int]) -> TimedSighting:
    entries = [plan.collection.entries[row] for row in rows]
    times = [entry.time for entry in entries if entry.time is not None]
    return TimedSighting(entries[0].camera, min(times, default=None), max(times, default=None))
