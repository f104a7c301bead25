"""Suggested edits, ranked: cluster pairs to merge, crops to reassign, and crops in no cluster to add to one.

There is no threshold: each list starts with its best candidate, however similar that is. Answers change the ranking at
once: what contradicts one is left out, what follows from one comes first, and a crop that does not belong to its
nearest cluster is compared with the next one.
"""

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float32, Int64

from reseen.gallery.collection import NOISE
from reseen.gallery.edits.pair_constraints import PairConstraints
from reseen.viewer.clusters import Cluster
from reseen.viewer.edits.evidence import Evidence, evidence_of
from reseen.viewer.unclustered import sample_unassigned
from reseen.viewer.viewer import Snapshot

MAX_CLUSTERS = 3000
"""Largest clusters that are compared with each other."""
MAX_CROPS = 3000
"""Crops least similar to their own center that are compared with the other centers."""
_LINKED = 4.0
"""Added to the similarity of pairs that an answer says show one person, so that they come first."""


class Merge(NamedTuple):
    """Suggestion: merge two clusters, which may show one person."""

    one: Cluster
    other: Cluster
    similarity: float
    """Cosine similarity of the centers, -1 to 1."""
    answered: bool
    """Whether an answer says that crops of the two show one person."""


class Reassignment(NamedTuple):
    """Suggestion: move a crop to another cluster, which is more similar to it; or one in no cluster into a cluster."""

    row: int
    current: Cluster | None
    """Cluster of the crop; None if it is in none."""
    current_similarity: float | None
    """Cosine similarity to the center of its cluster, -1 to 1; None if it is in none."""
    target: Cluster
    similarity: float
    """Cosine similarity to the center of `target`."""
    answered: bool
    """Whether an answer says that the crop and one of `target` show one person."""


Kind = TypeVar("Kind")


class Ranked(NamedTuple, Generic[Kind]):
    """The best suggestions of one kind."""

    best: list[Kind]
    """Best first."""
    total: int
    """Number of candidates that were ranked."""


class Suggestions(NamedTuple):
    """Suggested edits of each kind; most similar, or largest gain in similarity, first."""

    merges: Ranked[Merge]
    reassignments: Ranked[Reassignment]
    additions: Ranked[Reassignment]
    """Crops in no cluster."""


def suggest(snapshot: Snapshot, constraints: PairConstraints, count: int) -> Suggestions:
    """The best `count` suggestions of each kind, without those that contradict `constraints`."""
    if not len(snapshot.clusters):
        return Suggestions(Ranked([], 0), Ranked([], 0), Ranked([], 0))
    evidence = evidence_of(snapshot.collection, constraints)
    return Suggestions(
        _merges(snapshot, evidence, count),
        _reassignments(snapshot, evidence, count),
        _additions(snapshot, evidence, count),
    )


def _merges(snapshot: Snapshot, evidence: Evidence, count: int) -> Ranked[Merge]:
    largest = sorted(snapshot.clusters.all(), key=lambda cluster: -cluster.size)[:MAX_CLUSTERS]
    position = {cluster.number: index for index, cluster in enumerate(largest)}
    centers = np.stack([cluster.center for cluster in largest])
    score = centers @ centers.T
    for pairs, change in ((evidence.linked_clusters, _LINKED), (evidence.separated_clusters, -np.inf)):
        for one, other in pairs:
            if one in position and other in position:
                score[position[one], position[other]] += change
    score[np.tril_indices(len(largest))] = -np.inf
    candidates = int(np.isfinite(score).sum())
    merges = []
    for place in _best(score.reshape(-1), min(count, candidates)).tolist():
        one, other = (largest[index] for index in divmod(place, len(largest)))
        similarity = float(score.flat[place])
        merges.append(Merge(one, other, similarity - _LINKED * (similarity > 2), similarity > 2))
    return Ranked(merges, candidates)


def _reassignments(snapshot: Snapshot, evidence: Evidence, count: int) -> Ranked[Reassignment]:
    rows = np.concatenate([cluster.rows for cluster in snapshot.clusters.all()])
    own = np.concatenate([cluster.similarities for cluster in snapshot.clusters.all()])
    weakest = np.argsort(own, kind="stable")[:MAX_CROPS]
    rows, own = rows[weakest], own[weakest]
    score = _scores(snapshot, evidence, rows)
    numbers = np.array([cluster.number for cluster in snapshot.clusters.all()], np.int64)
    score[np.arange(len(rows)), np.searchsorted(numbers, snapshot.collection.clusters[rows])] = -np.inf
    gain = score.max(axis=1) - own
    # A crop whose own center is the nearest one gets no suggestion.
    candidates = int((gain > 0).sum())
    best = _best(gain, min(count, candidates))
    return Ranked(_moves(snapshot, rows[best], score[best], own[best]), candidates)


def _additions(snapshot: Snapshot, evidence: Evidence, count: int) -> Ranked[Reassignment]:
    rows = sample_unassigned(snapshot.collection.clusters < 0)
    linked = [snapshot.collection.rows[key] for key, _ in evidence.linked_crops]
    rows = np.union1d(rows, [row for row in linked if snapshot.collection.clusters[row] < 0]).astype(np.int64)
    score = _scores(snapshot, evidence, rows)
    nearest = score.max(axis=1)
    candidates = int(np.isfinite(nearest).sum())
    best = _best(nearest, min(count, candidates))
    return Ranked(_moves(snapshot, rows[best], score[best], None), candidates)


def _scores(
    snapshot: Snapshot, evidence: Evidence, rows: Int64[np.ndarray, " m"]
) -> Float32[np.ndarray, "m c"]:
    """Similarity of each row to the center of each cluster; raised if linked, minus infinity if separated."""
    score = snapshot.collection.vectors[rows].astype(np.float32) @ snapshot.clusters.centers.T
    place = {snapshot.collection.keys[row]: index for index, row in enumerate(rows.tolist())}
    column = {cluster.number: index for index, cluster in enumerate(snapshot.clusters.all())}
    for pairs, change in ((evidence.linked_crops, _LINKED), (evidence.separated_crops, -np.inf)):
        for key, number in pairs:
            if key in place and number in column:
                score[place[key], column[number]] += change
    return score


def _best(score: Float32[np.ndarray, " m"], count: int) -> Int64[np.ndarray, " count"]:
    """Places of the `count` largest values, the largest first; equal ones by place."""
    if not count:
        return np.empty(0, np.int64)
    least = np.partition(score, -count)[-count]
    places = np.flatnonzero(score >= least)
    return places[np.argsort(-score[places], kind="stable")][:count]


def _moves(
    snapshot: Snapshot,
    rows: Int64[np.ndarray, " m"],
    score: Float32[np.ndarray, "m c"],
    own: Float32[np.ndarray, " m"] | None,
) -> list[Reassignment]:
    clusters, moves = snapshot.clusters.all(), []
    for index, row in enumerate(rows.tolist()):
        target = int(score[index].argmax())
        similarity = float(score[index, target])
        current = int(snapshot.collection.clusters[row])
        moves.append(
            Reassignment(
                row,
                snapshot.clusters[current] if current > NOISE else None,
                None if own is None else float(own[index]),
                clusters[target],
                similarity - _LINKED * (similarity > 2),
                similarity > 2,
            )
        )
    return moves


def shown_rows(suggestions: Suggestions, crops_per_cluster: int) -> Iterable[int]:
    """Rows of all crops that the Review page shows, to prefetch their thumbnails."""
    for merge in suggestions.merges.best:
        for cluster in (merge.one, merge.other):
            yield from cluster.rows[:crops_per_cluster].tolist()
    for move in (*suggestions.reassignments.best, *suggestions.additions.best):
        yield move.row
        for cluster in (move.target, move.current):
            yield from () if cluster is None else cluster.rows[:crops_per_cluster].tolist()
