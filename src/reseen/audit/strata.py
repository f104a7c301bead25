"""Which pairs a person is asked about: a few at random of each stratum, by what was predicted and how similar they are.

Most pairs of a data set are of different people and look it. A stratum of them all would take thousands of answers, so
pairs less similar than any stratum are not asked; what is told of recall is of pairs within the strata.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float32, Int64

from reseen.records import NOISE, Features, PseudoLabels

_CELLS = 1 << 26
"""Similarities computed at most for a plan: the rows of random crops, all of them where they fit."""

_BINS = 4000
_BLOCK = 256
_TOGETHER = 3
_APART = (0.25, 1.0, 4.0)
"""Pairs in different clusters that belong to strata, from the most similar on, as multiples of those in one."""


@dataclass(frozen=True)
class Stratum:
    """Pairs of one prediction in a range of similarity."""

    name: str
    together: bool
    """Whether the clusters put the pairs together."""
    low: float
    high: float
    """Cosine similarity, from `low` on and below `high`."""
    pairs: float
    """How many there are; an estimate where not all crops were looked at."""


def plan_strata(features: Features, labels: PseudoLabels, seed: int = 0) -> list[Stratum]:
    """Up to three strata of pairs in one cluster, of equal size, and up to three of pairs apart.

    Those apart hold the most similar quarter as many pairs as there are together, then up to as many, then up to four
    times as many. Empty strata are left out.
    """
    together, apart = np.zeros(_BINS), np.zeros(_BINS)
    anchors, scale = _anchors(len(features), seed)
    for _rows, similarity, same, counted in _blocks(features, labels, anchors):
        place = _place(similarity)
        together += np.bincount(place[same & counted], minlength=_BINS)
        apart += np.bincount(place[~same & counted], minlength=_BINS)
    edges = np.linspace(-1, 1, _BINS + 1)
    edges[-1] = 2.0  # a similarity of 1 and a rounding error
    total = together.sum()
    cuts = [0, *np.searchsorted(together.cumsum(), total * np.arange(1, _TOGETHER) / _TOGETHER) + 1, _BINS]
    strata = [
        Stratum(
            f"together-{number}", True, *_range(edges, low, high), float(together[low:high].sum() * scale)
        )
        for number, (low, high) in enumerate(pairwise(cuts), start=1)
    ]
    from_above = apart[::-1].cumsum()
    tops = [_BINS, *(_BINS - np.searchsorted(from_above, [total * share for share in _APART]) - 1)]
    tops = np.maximum(tops, 0).tolist()
    strata += [
        Stratum(f"apart-{number}", False, *_range(edges, low, high), float(apart[low:high].sum() * scale))
        for number, (high, low) in enumerate(pairwise(tops), start=1)
    ]
    return [stratum for stratum in strata if stratum.pairs > 0]


def draw_pairs(
    features: Features,
    labels: PseudoLabels,
    strata: Sequence[Stratum],
    counts: Sequence[int],
    generator: np.random.Generator,
    left_out: Collection[tuple[int, int]] = frozenset(),
    seed: int = 0,
) -> list[Int64[np.ndarray, "m 2"]]:
    """So many random pairs of each stratum, fewer where there are no more; rows ascend within a pair.

    `left_out` are pairs, smaller row first, that are not to be drawn again; give a set.
    """
    anchors, _ = _anchors(len(features), seed)
    found: list[list[tuple[float, int, int]]] = [[] for _ in strata]
    for rows, similarity, same, counted in _blocks(features, labels, anchors):
        keys = generator.random(similarity.shape)
        for stratum, count, kept in zip(strata, counts, found, strict=True):
            inside = (
                (similarity >= stratum.low)
                & (similarity < stratum.high)
                & (same == stratum.together)
                & counted
            )
            _offer(kept, count, keys, inside, rows, left_out)
    return [
        np.array([pair[1:] for pair in sorted(kept)[:count]], dtype=np.int64).reshape(-1, 2)
        for kept, count in zip(found, counts, strict=True)
    ]


def share_out(strata: Sequence[Stratum], questions: int) -> list[int]:
    """How many questions each stratum gets: half for pairs together, evenly; half for pairs apart, more to the large.

    Strata apart are weighed by the square root of their size: recall hangs on what the largest of them hide.
    """
    weights = []
    for kind in (True, False):
        sizes = [1.0 if kind else stratum.pairs**0.5 for stratum in strata if stratum.together is kind]
        weights += [0.5 * size / sum(sizes) for size in sizes]
    ordered = sorted(strata, key=lambda stratum: not stratum.together)
    total = sum(weights)
    given = {stratum.name: weight / total for stratum, weight in zip(ordered, weights, strict=True)}
    return [min(max(1, round(questions * given[one.name])), max(1, int(one.pairs))) for one in strata]


def _offer(
    kept: list[tuple[float, int, int]],
    count: int,
    keys: np.ndarray,
    inside: Bool[np.ndarray, "b n"],
    rows: Int64[np.ndarray, " b"],
    left_out: Collection[tuple[int, int]],
) -> None:
    """Keep the `count` smallest keys over all blocks: a simple random sample."""
    bar = kept[-1][0] if len(kept) >= count and kept else np.inf
    places = np.argwhere(inside & (keys < bar))
    order = np.argsort(keys[places[:, 0], places[:, 1]])
    known = {pair[1:] for pair in kept}
    taken = 0
    for place, column in places[order].tolist():
        pair = (min(int(rows[place]), column), max(int(rows[place]), column))
        if pair in left_out or pair in known:
            continue
        known.add(pair)
        kept.append((float(keys[place, column]), *pair))
        taken += 1
        if taken >= count:
            break
    kept.sort()
    del kept[count:]


def _blocks(
    features: Features, labels: PseudoLabels, anchors: Int64[np.ndarray, " a"]
) -> Iterator[
    tuple[
        Int64[np.ndarray, " b"], Float32[np.ndarray, "b n"], Bool[np.ndarray, "b n"], Bool[np.ndarray, "b n"]
    ]
]:
    """Rows, their similarities with all, whether clusters put them together, and which cells are to be counted.

    Where every row is an anchor a pair is counted once, else each of its ends counts by itself.
    """
    vectors, cluster = features.numpy, labels.labels
    every = np.arange(len(vectors))
    whole = len(anchors) == len(vectors)
    for begin in range(0, len(anchors), _BLOCK):
        rows = anchors[begin : begin + _BLOCK]
        same = (cluster[rows][:, None] == cluster[None, :]) & (cluster[rows] != NOISE)[:, None]
        counted = rows[:, None] < every[None, :] if whole else rows[:, None] != every[None, :]
        yield rows, vectors[rows] @ vectors.T, same, counted


def _anchors(count: int, seed: int) -> tuple[Int64[np.ndarray, " a"], float]:
    """Rows to start from, and how many pairs one that is counted stands for."""
    most = max(1, _CELLS // max(count, 1))
    if count <= most:
        return np.arange(count), 1.0
    return np.sort(np.random.default_rng(seed).permutation(count)[:most]), count / most / 2


def _place(similarity: Float32[np.ndarray, "b n"]) -> Int64[np.ndarray, "b n"]:
    return np.clip(((similarity.astype(np.float64) + 1) / 2 * _BINS).astype(np.int64), 0, _BINS - 1)


def _range(edges: np.ndarray, low: int, high: int) -> tuple[float, float]:
    return float(edges[low]) if low else -2.0, float(edges[high])
