"""What is worth a look: clusters that may be one person, crops that may be of another cluster, crops left out."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from reseen.viewer.clusters import Cluster
from reseen.viewer.collection import NOISE
from reseen.viewer.edits.statements import Statements
from reseen.viewer.unclustered import nearest_of, some_unclustered
from reseen.viewer.viewer import Snapshot

MOST_CLUSTERS = 3000
"""The largest clusters are compared with each other."""
MOST_CROPS = 3000
"""The crops least like their own cluster are compared with the others."""
_NEAR = 0.05
"""What is no more similar to a center than this share of the crops is to its own is not asked about."""


class Pair(NamedTuple):
    """Two clusters that may be one person."""

    one: Cluster
    other: Cluster
    similarity: float
    """Of their centers, -1 to 1."""


class Stray(NamedTuple):
    """A crop that is more like another cluster than like its own, or that is in none."""

    row: int
    home: Cluster | None
    own: float | None
    """Similarity with the center of its own cluster, -1 to 1."""
    other: Cluster
    similarity: float
    """With that of the other cluster."""


class Suggestions(NamedTuple):
    """The likeliest first."""

    pairs: list[Pair]
    strays: list[Stray]
    left_out: list[Stray]


def suggest(now: Snapshot, said: Statements, most: int) -> Suggestions:
    """At most so many of each kind, without those that somebody has judged."""
    if not len(now.clusters):
        return Suggestions([], [], [])
    apart = _judged(now, said)
    near = float(np.quantile(np.concatenate([one.similarities for one in now.clusters.all()]), _NEAR))
    pairs = [pair for pair in _pairs(now, apart, most) if pair.similarity >= near]
    left_out = [stray for stray in _left_out(now, apart, most) if stray.similarity >= near]
    return Suggestions(pairs, _strays(now, apart, most), left_out)


def _judged(now: Snapshot, said: Statements) -> set[tuple[int | str, int | str]]:
    """Pairs of clusters, and of crop and cluster, that were said to be different people."""
    rows, clusters = now.collection.rows, now.collection.clusters
    found: set[tuple[int | str, int | str]] = set()
    for first, second in said.different:
        one, other = int(clusters[rows[first]]), int(clusters[rows[second]])
        found |= {(one, other), (other, one), (first, other), (second, one)}
    return found


def _pairs(now: Snapshot, apart: set[tuple[int | str, int | str]], most: int) -> list[Pair]:
    largest = sorted(now.clusters.all(), key=lambda cluster: -cluster.size)[:MOST_CLUSTERS]
    if len(largest) < 2:
        return []
    centers = np.stack([cluster.center for cluster in largest])
    similarity = np.triu(centers @ centers.T + 2, 1)  # above zero wherever it counts
    wanted = min(similarity.size, most + 2 * len(apart) + len(largest))
    order = np.argpartition(-similarity, wanted - 1, axis=None)[:wanted]
    order = order[np.argsort(-similarity.flat[order], kind="stable")]
    found = []
    for place in order.tolist():
        one, other = (largest[index] for index in divmod(place, len(largest)))
        if similarity.flat[place] > 0 and (one.number, other.number) not in apart:
            found.append(Pair(one, other, float(similarity.flat[place]) - 2))
        if len(found) == most:
            break
    return found


def _strays(now: Snapshot, apart: set[tuple[int | str, int | str]], most: int) -> list[Stray]:
    if len(now.clusters) < 2:
        return []
    rows = np.concatenate([cluster.rows for cluster in now.clusters.all()])
    own = np.concatenate([cluster.similarities for cluster in now.clusters.all()])
    weakest = np.argsort(own, kind="stable")[:MOST_CROPS]
    rows, own = rows[weakest], own[weakest]
    numbers, similarity = nearest_of(now, rows)
    # A crop in a cluster of two is always most like its own, which it is half of: nothing to judge.
    margin = np.where(numbers == now.collection.clusters[rows], -np.inf, similarity - own)
    order = [place for place in np.argsort(-margin, kind="stable").tolist() if margin[place] > 0]
    return _judge(now, apart, rows[order], numbers[order], similarity[order], own[order], most)


def _left_out(now: Snapshot, apart: set[tuple[int | str, int | str]], most: int) -> list[Stray]:
    rows = some_unclustered(now)
    if not len(rows):
        return []
    numbers, similarity = nearest_of(now, rows)
    order = np.argsort(-similarity, kind="stable")
    return _judge(now, apart, rows[order], numbers[order], similarity[order], None, most)


def _judge(
    now: Snapshot,
    apart: set[tuple[int | str, int | str]],
    rows: Int64[np.ndarray, " m"],
    numbers: Int64[np.ndarray, " m"],
    similarity: Float32[np.ndarray, " m"],
    own: Float32[np.ndarray, " m"] | None,
    most: int,
) -> list[Stray]:
    found = []
    for place, (row, number) in enumerate(zip(rows.tolist(), numbers.tolist(), strict=True)):
        if (now.collection.keys[row], number) in apart:
            continue
        home = int(now.collection.clusters[row])
        found.append(
            Stray(
                row,
                now.clusters[home] if home > NOISE else None,
                None if own is None else float(own[place]),
                now.clusters[number],
                float(similarity[place]),
            )
        )
        if len(found) == most:
            break
    return found


def crops_of(suggestions: Suggestions, each: int) -> Iterable[int]:
    """Rows of the crops that a page of suggestions shows, so many of each cluster."""
    for pair in suggestions.pairs:
        yield from (*pair.one.rows[:each].tolist(), *pair.other.rows[:each].tolist())
    for stray in (*suggestions.strays, *suggestions.left_out):
        yield from (stray.row, *stray.other.rows[:each].tolist())
        yield from () if stray.home is None else stray.home.rows[:each].tolist()
