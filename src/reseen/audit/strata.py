"""Stratified sampling of pairs for annotation: strata by predicted label and by similarity.

Most pairs of a data set clearly show different people. A stratum of all of them would need thousands of answers, so
pairs less similar than those of any stratum are not sampled; recall is estimated among the pairs within the strata.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float32, Int64

from reseen.audit.pair_blocks import anchor_rows, pair_blocks
from reseen.records import Features, PseudoLabels

_BINS = 4000
_TOGETHER = 3
_APART = (0.25, 1.0, 4.0)
"""Cumulative sizes of the strata of different-cluster pairs, most similar first, relative to the same-cluster pairs."""


@dataclass(frozen=True)
class Stratum:
    """Pairs with one predicted label in a range of similarity."""

    name: str
    together: bool
    """Whether the pairs are in one cluster."""
    low: float
    high: float
    """Cosine similarity from `low` to `high`, exclusive."""
    pairs: float
    """Number of pairs; an estimate if not all rows were processed."""


def plan_strata(features: Features, labels: PseudoLabels, seed: int = 0) -> list[Stratum]:
    """Up to three strata of same-cluster pairs, of equal size, and up to three of different-cluster pairs.

    With m same-cluster pairs, or m crops where there are more of those, the strata of different-cluster pairs hold the
    0.25 m most similar, those up to m, and those up to 4 m. Empty strata are omitted.
    """
    together, apart = np.zeros(_BINS), np.zeros(_BINS)
    anchors, scale = anchor_rows(len(features), seed)
    for _rows, similarity, same, counted in pair_blocks(features, labels, anchors):
        bins = _bins(similarity)
        together += np.bincount(bins[same & counted], minlength=_BINS)
        apart += np.bincount(bins[~same & counted], minlength=_BINS)
    edges = np.linspace(-1, 1, _BINS + 1)
    edges[-1] = 2.0  # similarities may exceed 1 by rounding
    total = together.sum()
    cuts = [0, *np.searchsorted(together.cumsum(), total * np.arange(1, _TOGETHER) / _TOGETHER) + 1, _BINS]
    strata = [
        Stratum(
            f"together-{number}", True, *_range(edges, low, high), float(together[low:high].sum() * scale)
        )
        for number, (low, high) in enumerate(pairwise(cuts), start=1)
    ]
    from_above = apart[::-1].cumsum()
    size = max(total, len(features) / scale)  # without clusters there are still similar pairs to ask about
    tops = [_BINS, *(_BINS - np.searchsorted(from_above, [size * share for share in _APART]) - 1)]
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
    exclude: Collection[tuple[int, int]] = frozenset(),
    seed: int = 0,
) -> list[Int64[np.ndarray, "m 2"]]:
    """Random pairs (m, 2) of each stratum, up to its count; the smaller row comes first in a pair.

    `exclude` is a set of pairs, smaller row first, that are not drawn. `seed` must be that of `plan_strata`.
    """
    anchors, _ = anchor_rows(len(features), seed)
    samples: list[list[tuple[float, int, int]]] = [[] for _ in strata]
    for rows, similarity, same, counted in pair_blocks(features, labels, anchors):
        keys = generator.random(similarity.shape)
        for stratum, count, sample in zip(strata, counts, samples, strict=True):
            inside = (
                (similarity >= stratum.low)
                & (similarity < stratum.high)
                & (same == stratum.together)
                & counted
            )
            _update_sample(sample, count, keys, inside, rows, exclude)
    return [
        np.array([pair[1:] for pair in sorted(sample)[:count]], dtype=np.int64).reshape(-1, 2)
        for sample, count in zip(samples, counts, strict=True)
    ]


def allocate_questions(strata: Sequence[Stratum], questions: int) -> list[int]:
    """The number of questions per stratum: half for same-cluster pairs, evenly; half for different-cluster pairs.

    Strata of different-cluster pairs are weighted by the square root of their size, since recall depends on the
    positives in the largest of them.
    """
    weights = []
    for kind in (True, False):
        sizes = [1.0 if kind else stratum.pairs**0.5 for stratum in strata if stratum.together is kind]
        weights += [0.5 * size / sum(sizes) for size in sizes]
    ordered = sorted(strata, key=lambda stratum: not stratum.together)
    total = sum(weights)
    shares = {stratum.name: weight / total for stratum, weight in zip(ordered, weights, strict=True)}
    return [
        min(max(1, round(questions * shares[stratum.name])), max(1, int(stratum.pairs))) for stratum in strata
    ]


def _update_sample(
    sample: list[tuple[float, int, int]],
    count: int,
    keys: np.ndarray,
    inside: Bool[np.ndarray, "b n"],
    rows: Int64[np.ndarray, " b"],
    exclude: Collection[tuple[int, int]],
) -> None:
    """Update the pairs with the `count` smallest random keys over all blocks, which are a simple random sample."""
    bound = sample[-1][0] if len(sample) >= count and sample else np.inf
    candidates = np.argwhere(inside & (keys < bound))
    order = np.argsort(keys[candidates[:, 0], candidates[:, 1]])
    known = {pair[1:] for pair in sample}
    added = 0
    for row, column in candidates[order].tolist():
        pair = (min(int(rows[row]), column), max(int(rows[row]), column))
        if pair in exclude or pair in known:
            continue
        known.add(pair)
        sample.append((float(keys[row, column]), *pair))
        added += 1
        if added >= count:
            break
    sample.sort()
    del sample[count:]


def _bins(similarity: Float32[np.ndarray, "b n"]) -> Int64[np.ndarray, "b n"]:
    return np.clip(((similarity.astype(np.float64) + 1) / 2 * _BINS).astype(np.int64), 0, _BINS - 1)


def _range(edges: np.ndarray, low: int, high: int) -> tuple[float, float]:
    return float(edges[low]) if low else -2.0, float(edges[high])
