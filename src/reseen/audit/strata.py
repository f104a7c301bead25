r"""Stratified sampling of pairs for annotation, and what their answers estimate: precision and recall of a clustering.

Strata are ranges of predicted label and similarity. Most pairs of a data set clearly show different people. A stratum
of all of them would need thousands of answers, so pairs less similar than those of any stratum are not sampled; recall
is estimated among the pairs within the strata.

With $N_h$ pairs and a proportion $p_h$ of positive ones in stratum h, the sums $\sum N_h \hat p_h$ are unbiased. Their
limits combine the limits of the proportions (MOVER); those of recall are limits of a ratio of two independent sums.
Precision uses Jeffreys intervals of the proportions. Recall uses exact ones, since it depends on large strata with
hardly any positive pair: with Wilson intervals, the coverage of 95 % intervals fell to 91 % in simulations.

References: Zou and Donner 2008, "Construction of confidence limits about effect measures"; Donner and Zou 2012,
"Closed-form confidence intervals for functions of the normal mean and standard deviation" (the ratio); Brown et al.
2001, "Interval estimation for a binomial proportion" (Jeffreys; Clopper and Pearson).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

import numpy as np
from jaxtyping import Bool, Float32, Int64

from reseen.audit.pair_pool import anchor_rows, pair_blocks
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
    for block in pair_blocks(features, labels, anchors):
        bins = _bins(block.similarity)
        together += np.bincount(bins[block.same & block.counted], minlength=_BINS)
        apart += np.bincount(bins[~block.same & block.counted], minlength=_BINS)
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
    for block in pair_blocks(features, labels, anchors):
        keys = generator.random(block.similarity.shape)
        for stratum, count, sample in zip(strata, counts, samples, strict=True):
            inside = (
                (block.similarity >= stratum.low)
                & (block.similarity < stratum.high)
                & (block.same == stratum.together)
                & block.counted
            )
            _update_sample(sample, count, keys, inside, block.rows, exclude)
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


@dataclass(frozen=True)
class ProportionEstimate:
    """An estimated proportion with its confidence interval, all 0 to 1."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """The estimate as text, such as `83 % (75 to 89)`."""
        return f"{self.value:.0%} ({100 * self.low:.0f} to {100 * self.high:.0f})".replace("%", " %")


@dataclass(frozen=True)
class Tally:
    """Counts of the answers `same` and `different` in one stratum; `unsure` is not counted."""

    stratum: Stratum
    same: int
    different: int

    @property
    def answers(self) -> int:
        """Number of answers."""
        return self.same + self.different


def proportion(
    positives: int, total: int, exact: bool = False, confidence: float = 0.95
) -> ProportionEstimate:
    """A proportion from a simple random sample, with a Jeffreys or, if `exact`, a Clopper-Pearson interval.

    The exact interval has at least the nominal coverage. The interval starts at 0 without positives, and ends at 1
    without negatives. An empty sample gives 0.5 with the interval 0 to 1.

    Example:
        >>> str(proportion(83, 100))
        '83 % (75 to 89)'
    """
    if not total:
        return ProportionEstimate(0.5, 0.0, 1.0)
    from scipy.stats import beta  # not at the top: every start of reseen would wait for it

    tail, negatives = (1 - confidence) / 2, total - positives
    below, above = (0.0, 1.0) if exact else (0.5, 0.5)
    low = float(beta.ppf(tail, positives + below, negatives + above)) if positives else 0.0
    high = float(beta.ppf(1 - tail, positives + above, negatives + below)) if negatives else 1.0
    return ProportionEstimate(positives / total, low, high)


def precision(tallies: Sequence[Tally], confidence: float = 0.95) -> ProportionEstimate | None:
    """Pairwise precision: the share of same-cluster pairs that show one person; None if a stratum has no answer."""
    inside = [tally for tally in tallies if tally.stratum.together]
    if not inside or any(not tally.answers for tally in inside):
        return None
    positives, low, high = _positive_pairs(inside, False, confidence)
    total = sum(tally.stratum.pairs for tally in inside)
    return ProportionEstimate(positives / total, low / total, high / total)


def recall(tallies: Sequence[Tally], confidence: float = 0.95) -> ProportionEstimate | None:
    """Pairwise recall: the share of the strata's pairs of one person that are in one cluster; None as `precision`."""
    if any(not tally.answers for tally in tallies) or not any(tally.stratum.together for tally in tallies):
        return None
    found = _positive_pairs([tally for tally in tallies if tally.stratum.together], True, confidence)
    lost = _positive_pairs([tally for tally in tallies if not tally.stratum.together], True, confidence)
    if not found[0]:
        return ProportionEstimate(0.0, 0.0, 1.0 if not lost[0] else found[2] / (found[2] + lost[0]))
    low, high = _ratio(lost, found)
    return ProportionEstimate(found[0] / (found[0] + lost[0]), 1 / (1 + high), 1 / (1 + low))


def _positive_pairs(tallies: Sequence[Tally], exact: bool, confidence: float) -> tuple[float, float, float]:
    """Estimated number of pairs of one person, with limits: the root of the strata's summed squared half-widths."""
    value, below, above = 0.0, 0.0, 0.0
    for tally in tallies:
        estimate = proportion(tally.same, tally.answers, exact, confidence)
        value += tally.stratum.pairs * estimate.value
        below += (tally.stratum.pairs * (estimate.value - estimate.low)) ** 2
        above += (tally.stratum.pairs * (estimate.high - estimate.value)) ** 2
    total = sum(tally.stratum.pairs for tally in tallies)
    return value, max(value - sqrt(below), 0.0), min(value + sqrt(above), total)


def _ratio(top: tuple[float, float, float], bottom: tuple[float, float, float]) -> tuple[float, float]:
    """Limits of `top / bottom`; the upper one is infinite if the bottom may be zero."""
    (a, a_low, a_high), (b, b_low, b_high) = top, bottom
    product = a * b
    root = max(product**2 - a_low * b_high * (2 * a - a_low) * (2 * b - b_high), 0.0)
    under = b_high * (2 * b - b_high)
    low = (product - sqrt(root)) / under if under > 0 else a_low / b_high
    root = max(product**2 - a_high * b_low * (2 * a - a_high) * (2 * b - b_low), 0.0)
    under = b_low * (2 * b - b_low)
    return max(low, 0.0), (product + sqrt(root)) / under if under > 0 else float("inf")
