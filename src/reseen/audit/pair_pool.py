"""The most similar pairs of a set of crops: what a similarity threshold decides about, and what questions ask about.

Which pairs these are depends on the similarities alone. They are counted in cells: ranges of similarity, each for pairs
in one cluster and for others. Within a cell pairs are as good as alike, so that answers to random pairs of a cell speak
for all of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int8, Int64

from reseen.audit.tracklet_pairs import NOTHING_KNOWN, SAME, UNKNOWN, TrackletPairs
from reseen.errors import DataError
from reseen.records import NOISE, Features, PseudoLabels

MAX_CELLS = 1 << 26
"""Maximum number of similarities computed in a pass: random rows, or all rows if they fit."""

_BLOCK = 256


@dataclass(frozen=True, eq=False)
class PairBlock:
    """All pairs of some rows with every row."""

    rows: Int64[np.ndarray, " b"]
    similarity: Float32[np.ndarray, "b n"]
    """Cosine similarities, -1 to 1."""
    same: Bool[np.ndarray, "b n"]
    """Whether both are in one cluster."""
    counted: Bool[np.ndarray, "b n"]
    """Which pairs to count."""


def pair_blocks(
    features: Features, labels: PseudoLabels, anchors: Int64[np.ndarray, " a"]
) -> Iterator[PairBlock]:
    """Yield the pairs of the anchors with all rows, in blocks of anchors.

    If all rows are anchors, every pair is counted once; else once per end that is an anchor.
    """
    vectors, cluster = features.numpy, labels.labels
    all_rows = np.arange(len(vectors))
    complete = len(anchors) == len(vectors)
    for begin in range(0, len(anchors), _BLOCK):
        rows = anchors[begin : begin + _BLOCK]
        same = (cluster[rows][:, None] == cluster[None, :]) & (cluster[rows] != NOISE)[:, None]
        counted = rows[:, None] < all_rows[None, :] if complete else rows[:, None] != all_rows[None, :]
        yield PairBlock(rows, vectors[rows] @ vectors.T, same, counted)


def anchor_rows(count: int, seed: int) -> tuple[Int64[np.ndarray, " a"], float]:
    """The rows to process, and the number of pairs that each counted pair represents."""
    most = max(1, MAX_CELLS // max(count, 1))
    if count <= most:
        return np.arange(count), 1.0
    return np.sort(np.random.default_rng(seed).permutation(count)[:most]), count / most / 2


PAIRS_PER_CROP = 10
"""Number of pairs of a pool, per crop; on average a crop is in twice as many."""

_GROWTH = 1.25
"""Each range of similarity reaches down to this many times the pairs of all ranges above it."""
_TOP_SHARE = 1 / 40
"""Pairs in the highest range, per crop."""
_TOP_LEAST = 20
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class PairPool:
    """The most similar pairs of crops, in cells; row i of the first four arrays is one pair."""

    first: Int64[np.ndarray, " m"]
    """Row of one crop."""
    second: Int64[np.ndarray, " m"]
    """Row of the other crop; larger than `first`."""
    similarity: Float64[np.ndarray, " m"]
    """Cosine similarity, -1 to 1."""
    together: Bool[np.ndarray, " m"]
    """Whether the pair is in one cluster."""
    edges: Float64[np.ndarray, " k"]
    """Lower ends of the ranges of similarity, ascending; each ends where the next begins, the last is open."""
    pairs: Float64[np.ndarray, "2 k"]
    """Number of pairs in each cell: in different clusters, and in one cluster. Estimates if not all rows were looked
    at."""
    known: Int8[np.ndarray, " m"]
    """What tracklets say of each pair: `SAME`, `DIFFERENT` or `UNKNOWN`."""
    known_same: Float64[np.ndarray, "2 k"]
    """Number of pairs in each cell that are within a tracklet."""
    known_different: Float64[np.ndarray, "2 k"]
    """Number of pairs in each cell whose tracklets overlap in time in one camera."""

    @property
    def unknown(self) -> Float64[np.ndarray, "2 k"]:
        """Number of pairs in each cell of which only a person can say whom they show."""
        return self.pairs - self.known_same - self.known_different

    @property
    def lowest(self) -> float:
        """Cosine similarity of the least similar pairs."""
        return float(self.edges[0])

    def cell(
        self, similarity: Float64[np.ndarray, " a"], together: Bool[np.ndarray, " a"]
    ) -> Int64[np.ndarray, " a"]:
        """Index of the cell of pairs in the flattened `pairs`; -1 for pairs less similar than those of the pool."""
        ranges = np.searchsorted(self.edges, similarity, side="right") - 1
        return np.where(ranges < 0, -1, ranges + len(self.edges) * together.astype(np.int64))


def plan_pool(
    features: Features, labels: PseudoLabels, seed: int = 0, tracklets: TrackletPairs = NOTHING_KNOWN
) -> PairPool:
    """The ten most similar pairs per crop, of unit features.

    With more than about 8,000 crops, the pairs are those of a random sample of crops with all others. What `tracklets`
    say of a pair is not asked.

    Raises:
        DataError: fewer than two crops.

    Example:
        >>> plan_pool(features, labels).pairs.sum() / len(features)
        10.0
    """
    count = len(features)
    if count < 2:
        raise DataError(f"questions need at least 2 crops, found {count}")
    anchors, scale = anchor_rows(count, seed)
    kept = max(1, round(min(PAIRS_PER_CROP * count, count * (count - 1) / 2) / scale))
    pairs = _most_similar(features.numpy, anchors, kept)
    one, other, similarity = pairs.one, pairs.other, pairs.similarity.astype(np.float64)
    together = (labels.labels[one] == labels.labels[other]) & (labels.labels[one] != NOISE)
    edges = _edges(similarity, max(_TOP_LEAST, round(count * _TOP_SHARE / scale)))
    first, second = np.minimum(one, other), np.maximum(one, other)
    empty = np.zeros((3, 2, len(edges)))
    known = tracklets.of(first, second)
    return _counted(PairPool(first, second, similarity, together, edges, empty[0], known, *empty[1:]), scale)


def with_clusters(pool: PairPool, labels: PseudoLabels) -> PairPool:
    """The same pairs, counted by other clusters of the same crops."""
    cluster = labels.labels
    together = (cluster[pool.first] == cluster[pool.second]) & (cluster[pool.first] != NOISE)
    return _counted(replace(pool, together=together), pool.pairs.sum() / len(pool.similarity))


def _counted(pool: PairPool, scale: float) -> PairPool:
    """The pool with its pairs counted by cell, each as `scale` pairs."""
    cells = pool.cell(pool.similarity, pool.together)

    def count(pairs: Bool[np.ndarray, " m"]) -> Float64[np.ndarray, "2 k"]:
        return scale * np.bincount(cells[pairs], minlength=2 * len(pool.edges)).reshape(2, -1).astype(float)

    return replace(
        pool,
        pairs=count(np.ones(len(cells), dtype=bool)),
        known_same=count(pool.known == SAME),
        known_different=count((pool.known != SAME) & (pool.known != UNKNOWN)),
    )


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Pairs with their similarity; row i of each array is one."""

    one: Int64[np.ndarray, " m"]
    other: Int64[np.ndarray, " m"]
    similarity: Float32[np.ndarray, " m"]

    def __getitem__(self, rows: np.ndarray) -> "_Pairs":
        return _Pairs(self.one[rows], self.other[rows], self.similarity[rows])


def _most_similar(vectors: Float32[np.ndarray, "n d"], anchors: Int64[np.ndarray, " a"], kept: int) -> _Pairs:
    """The `kept` most similar pairs of the anchors with all rows, most similar first; of equal ones the first.

    One pass: pairs below the `kept` most similar ones so far are dropped on the way. Where all rows are anchors, each
    is multiplied by itself and those after it alone.
    """
    complete = len(anchors) == len(vectors)
    low, found, count = -np.inf, [], 0
    for begin in range(0, len(anchors), _BLOCK):
        rows = anchors[begin : begin + _BLOCK]
        first = begin if complete else 0
        similarity = vectors[rows] @ vectors[first:].T
        at, other = np.nonzero(similarity >= low)
        pairs = _Pairs(rows[at], first + other, similarity[at, other])
        pairs = pairs[pairs.one < pairs.other if complete else pairs.one != pairs.other]
        found.append(pairs)
        count += len(pairs.other)
        if count > 2 * kept:
            pairs = _joined(found)
            low = np.partition(pairs.similarity, count - kept)[count - kept]
            found = [pairs[pairs.similarity >= low]]
            count = len(found[0].other)
    pairs = _joined(found)
    return pairs[np.argsort(-pairs.similarity, kind="stable")[:kept]]


def _joined(parts: Sequence[_Pairs]) -> _Pairs:
    return _Pairs(
        np.concatenate([part.one for part in parts]),
        np.concatenate([part.other for part in parts]),
        np.concatenate([part.similarity for part in parts]),
    )


def _edges(similarity: Float64[np.ndarray, " m"], top: int) -> Float64[np.ndarray, " k"]:
    """Lower ends of ranges over descending similarities; equal similarities share a range."""
    ends, count = [], float(top)
    while count < len(similarity) / _GROWTH:
        ends.append(round(count))
        count *= _GROWTH
    edges = np.unique(similarity[np.array([*ends, len(similarity)]) - 1]) - _ROUNDING
    return edges[np.unique(np.searchsorted(edges, similarity, side="right") - 1)]  # none is empty
