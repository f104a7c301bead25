"""Members first: the people follow the clusters of a new clustering, as far as no person decided otherwise."""

from collections import Counter

import numpy as np
from jaxtyping import Int64

from reseen.gallery.collection import NOISE, UNCLUSTERED
from reseen.gallery.edits.people_change import Decision
from reseen.gallery.people.assign import PersonIndex
from reseen.gallery.people.differences import conflict
from reseen.gallery.people.people_plan import PeoplePlan, similarities_to_mean


def follow_clusters(plan: PeoplePlan, different: set[tuple[str, str]]) -> None:
    """Steps 1 and 2."""
    clusters = _rows_by_cluster(plan.collection.clusters)
    decided: dict[int, list[tuple[int, Decision]]] = {}
    for number, rows in clusters.items():
        found = ((row, plan.state.decisions.get(plan.collection.keys[row])) for row in rows.tolist())
        decided[number] = [(row, one) for row, one in found if one is not None]
    owners = _owners(decided)
    known = _known_people(plan, set(owners.values()))
    separated = _separated(plan, different)
    empty = {number for number in clusters if not decided[number]}
    taken: dict[int, Counter[int]] = {}
    for number in clusters:
        if number not in empty:
            owner = owners.get(number)
            target = plan.new_person() if owner is None else owner
            held = _take_cluster(plan, clusters[number], target, known, separated, taken)
            plan.conflicts += [conflict(plan.state, target, q, keys) for q, keys in held.items()]
    _merge_the_rest(plan, set(owners.values()), known, taken)
    index = plan.index() if empty and plan.thresholds.same_from is not None else None
    for number in sorted(empty):
        _place_cluster(plan, clusters[number], index)


def _owners(decided: dict[int, list[tuple[int, Decision]]]) -> dict[int, int]:
    """Person of each cluster that keeps one: the largest of each person, and those with decisions of a person."""
    votes: dict[tuple[int, int], list[int]] = {}
    for number, rows in decided.items():
        for _, decision in rows:
            vote = votes.setdefault((decision.person, number), [0, 0])
            vote[0] += decision.by == "person"
            vote[1] += 1
    owners: dict[int, int] = {}
    owning: set[int] = set()
    ranked = sorted(votes.items(), key=lambda item: (-item[1][1], -item[1][0], item[0]))
    for (person, number), (by_person, _) in ranked:
        if number not in owners and (person not in owning or by_person):
            owners[number] = person
            owning.add(person)
    return owners


def _known_people(plan: PeoplePlan, owning: set[int]) -> set[int]:
    """People with a name or a decision of a person, who own no cluster: nothing is taken from them."""
    by_person = {one.person for one in plan.state.decisions.values() if one.by == "person"}
    named = {person for person in plan.state.members if plan.state.name(person)}
    return (by_person | named) - owning


def _separated(plan: PeoplePlan, different: set[tuple[str, str]]) -> set[frozenset[int]]:
    """Pairs of people with crops that show different people, by a person's word."""
    decisions = plan.state.decisions
    pairs = [(decisions.get(one), decisions.get(other)) for one, other in different]
    return {
        frozenset((one.person, other.person))
        for one, other in pairs
        if one is not None and other is not None and one.person != other.person
    }


def _take_cluster(
    plan: PeoplePlan,
    rows: Int64[np.ndarray, " m"],
    target: int,
    known: set[int],
    separated: set[frozenset[int]],
    taken: dict[int, Counter[int]],
) -> dict[int, list[str]]:
    """Give the crops of a cluster to its person; returns the crops that stay with somebody else, by person."""
    held: dict[int, list[str]] = {}
    scores = similarities_to_mean(plan.collection.vectors[rows])
    for row, score in zip(rows.tolist(), scores.tolist(), strict=True):
        key = plan.collection.keys[row]
        before = plan.state.decisions.get(key)
        if before is not None and before.person == target:
            continue
        if target in plan.state.rejected.get(key, ()):
            continue
        if before is not None:
            stays = before.by == "person" or before.person in known
            if stays or frozenset((before.person, target)) in separated:
                held.setdefault(before.person, []).append(key)
                continue
            taken.setdefault(before.person, Counter())[target] += 1
        plan.members[key] = Decision(target, "cluster", round(score, 4))
    return held


def _merge_the_rest(
    plan: PeoplePlan, owning: set[int], known: set[int], taken: dict[int, Counter[int]]
) -> None:
    """Crops in no cluster of people whose other crops have gone to somebody: they go along."""
    for person, targets in taken.items():
        if person in owning or person in known:
            continue
        rest = [key for key in plan.state.members[person] if key not in plan.members]
        loose = [key for key in rest if _cluster(plan, key) in (NOISE, UNCLUSTERED, None)]
        if len(loose) < len(rest):
            continue
        into = min(targets, key=lambda one: (-targets[one], one))
        plan.members |= {
            key: Decision(into, "cluster") for key in rest if into not in plan.state.rejected.get(key, ())
        }
        plan.merged[person] = into


def _cluster(plan: PeoplePlan, key: str) -> int | None:
    row = plan.collection.rows.get(key)
    return None if row is None else int(plan.collection.clusters[row])


def _place_cluster(plan: PeoplePlan, rows: Int64[np.ndarray, " m"], index: PersonIndex | None) -> None:
    """Step 2: a cluster without members."""
    vectors = plan.collection.vectors[rows].astype(np.float32)
    keys = [plan.collection.keys[row] for row in rows.tolist()]
    rejected = {person for key in keys for person in plan.state.rejected.get(key, ())}
    if index is not None:
        verdict = index.decide(vectors, plan.thresholds, lambda person: person not in rejected)
        if verdict.kind == "known":
            best = verdict.candidates[0]
            decision = Decision(best.person, "similarity", round(best.similarity, 4))
            plan.members |= dict.fromkeys(keys, decision)
            return
    person = plan.new_person()
    scores = similarities_to_mean(vectors).tolist()
    plan.members |= {
        key: Decision(person, "cluster", round(score, 4)) for key, score in zip(keys, scores, strict=True)
    }


def _rows_by_cluster(clusters: Int64[np.ndarray, " n"]) -> dict[int, Int64[np.ndarray, " m"]]:
    """Rows of each cluster, by its number, without outliers."""
    inside = np.flatnonzero(clusters >= 0)
    inside = inside[np.argsort(clusters[inside], kind="stable")]
    numbers, starts = np.unique(clusters[inside], return_index=True)
    return dict(zip(numbers.tolist(), np.split(inside, starts[1:]), strict=True)) if len(numbers) else {}
