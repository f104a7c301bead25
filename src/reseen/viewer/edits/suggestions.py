"""Suggested edits: cluster pairs to merge, crops to reassign, and outliers to add to a cluster."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from reseen.viewer.clusters import Cluster
from reseen.viewer.collection import NOISE
from reseen.viewer.edits.pair_constraints import PairConstraints
from reseen.viewer.unclustered import nearest_clusters, sample_unclustered
from reseen.viewer.viewer import Snapshot

MAX_CLUSTERS = 3000
"""Largest clusters that are compared with each other."""
MAX_CROPS = 3000
"""Crops least similar to their own center that are compared with the other centers."""
_MIN_SIMILARITY_QUANTILE = 0.05
"""Merges and additions need at least this quantile of the similarities of all crops to their own centers."""


class Merge(NamedTuple):
    """Suggestion: merge two clusters, which may show one person."""

    one: Cluster
    other: Cluster
    similarity: float
    """Cosine similarity of the centers, -1 to 1."""


class Reassignment(NamedTuple):
    """Suggestion: move a crop to another cluster, which is more similar to it; or an outlier into a cluster."""

    row: int
    current: Cluster | None
    """Cluster of the crop; None for an outlier."""
    current_similarity: float | None
    """Cosine similarity to the center of its cluster, -1 to 1; None for an outlier."""
    target: Cluster
    similarity: float
    """Cosine similarity to the center of `target`."""


class Suggestions(NamedTuple):
    """Suggested edits of each kind, most similar (or largest gain in similarity) first."""

    merges: list[Merge]
    reassignments: list[Reassignment]
    additions: list[Reassignment]
    """Outliers near a cluster."""


def suggest(snapshot: Snapshot, constraints: PairConstraints, count: int) -> Suggestions:
    """Up to `count` suggestions of each kind, without those that contradict `constraints`."""
    if not len(snapshot.clusters):
        return Suggestions([], [], [])
    rejected = _rejected(snapshot, constraints)
    least = float(
        np.quantile(
            np.concatenate([one.similarities for one in snapshot.clusters.all()]), _MIN_SIMILARITY_QUANTILE
        )
    )
    merges = [one for one in _merges(snapshot, rejected, count) if one.similarity >= least]
    additions = [one for one in _additions(snapshot, rejected, count) if one.similarity >= least]
    return Suggestions(merges, _reassignments(snapshot, rejected, count), additions)


def _rejected(snapshot: Snapshot, constraints: PairConstraints) -> set[tuple[int | str, int | str]]:
    """Pairs of cluster numbers, and of a key and a cluster number, with a cannot-link between them."""
    rows, clusters = snapshot.collection.rows, snapshot.collection.clusters
    rejected: set[tuple[int | str, int | str]] = set()
    for first, second in constraints.different:
        one, other = int(clusters[rows[first]]), int(clusters[rows[second]])
        rejected |= {(one, other), (other, one), (first, other), (second, one)}
    return rejected


def _merges(snapshot: Snapshot, rejected: set[tuple[int | str, int | str]], count: int) -> list[Merge]:
    largest = sorted(snapshot.clusters.all(), key=lambda cluster: -cluster.size)[:MAX_CLUSTERS]
    if len(largest) < 2:
        return []
    centers = np.stack([cluster.center for cluster in largest])
    similarity = np.triu(centers @ centers.T + 2, 1)  # positive above the diagonal, zero elsewhere
    candidates = min(similarity.size, count + 2 * len(rejected) + len(largest))
    order = np.argpartition(-similarity, candidates - 1, axis=None)[:candidates]
    order = order[np.argsort(-similarity.flat[order], kind="stable")]
    merges = []
    for position in order.tolist():
        one, other = (largest[index] for index in divmod(position, len(largest)))
        if similarity.flat[position] > 0 and (one.number, other.number) not in rejected:
            merges.append(Merge(one, other, float(similarity.flat[position]) - 2))
        if len(merges) == count:
            break
    return merges


def _reassignments(
    snapshot: Snapshot, rejected: set[tuple[int | str, int | str]], count: int
) -> list[Reassignment]:
    if len(snapshot.clusters) < 2:
        return []
    rows = np.concatenate([cluster.rows for cluster in snapshot.clusters.all()])
    own = np.concatenate([cluster.similarities for cluster in snapshot.clusters.all()])
    weakest = np.argsort(own, kind="stable")[:MAX_CROPS]
    rows, own = rows[weakest], own[weakest]
    numbers, similarity = nearest_clusters(snapshot, rows)
    # A crop whose own center is the nearest one gets no suggestion.
    margin = np.where(numbers == snapshot.collection.clusters[rows], -np.inf, similarity - own)
    order = [index for index in np.argsort(-margin, kind="stable").tolist() if margin[index] > 0]
    return _collect(snapshot, rejected, rows[order], numbers[order], similarity[order], own[order], count)


def _additions(
    snapshot: Snapshot, rejected: set[tuple[int | str, int | str]], count: int
) -> list[Reassignment]:
    rows = sample_unclustered(snapshot)
    if not len(rows):
        return []
    numbers, similarity = nearest_clusters(snapshot, rows)
    order = np.argsort(-similarity, kind="stable")
    return _collect(snapshot, rejected, rows[order], numbers[order], similarity[order], None, count)


def _collect(
    snapshot: Snapshot,
    rejected: set[tuple[int | str, int | str]],
    rows: Int64[np.ndarray, " m"],
    numbers: Int64[np.ndarray, " m"],
    similarity: Float32[np.ndarray, " m"],
    own: Float32[np.ndarray, " m"] | None,
    count: int,
) -> list[Reassignment]:
    suggestions = []
    for index, (row, number) in enumerate(zip(rows.tolist(), numbers.tolist(), strict=True)):
        if (snapshot.collection.keys[row], number) in rejected:
            continue
        current = int(snapshot.collection.clusters[row])
        suggestions.append(
            Reassignment(
                row,
                snapshot.clusters[current] if current > NOISE else None,
                None if own is None else float(own[index]),
                snapshot.clusters[number],
                float(similarity[index]),
            )
        )
        if len(suggestions) == count:
            break
    return suggestions


def shown_rows(suggestions: Suggestions, crops_per_cluster: int) -> Iterable[int]:
    """Rows of all crops that the Review page shows, to prefetch their thumbnails."""
    for merge in suggestions.merges:
        for cluster in (merge.one, merge.other):
            yield from cluster.rows[:crops_per_cluster].tolist()
    for move in (*suggestions.reassignments, *suggestions.additions):
        yield move.row
        for cluster in (move.target, move.current):
            yield from () if cluster is None else cluster.rows[:crops_per_cluster].tolist()
