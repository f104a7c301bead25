"""From a similarity to a probability that two crops show one person, and the threshold with its errors."""

import json
import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int64

from reseen.errors import DataError
from reseen.reading import parse_as

Trust = Literal["high", "medium", "low"]

_BINS = 200
_FEWEST = 20
"""Pairs of either kind, counted by how sure they are."""
_DRAWS = 200
_SPAN = 0.95


@dataclass(frozen=True)
class Evidence:
    """Pairs with what is believed of them; row i of all four is one pair."""

    similarity: Float64[np.ndarray, " m"]
    same: Float64[np.ndarray, " m"]
    """Probability that the pair shows one person; 0 and 1 where it is known."""
    weight: Float64[np.ndarray, " m"]
    """How many pairs it stands for."""
    group: Int64[np.ndarray, " m"]
    """Pairs of one number hang together, such as those of one crop, and are drawn together to tell the spread."""
    sources: tuple[str, ...]
    """What the pairs are, in words."""
    trust: Trust
    reason: str
    """Why it can be trusted so far."""
    among: str
    """Of which pairs shares of errors are told, in words."""


@dataclass(frozen=True)
class Calibration:
    """A nondecreasing map from cosine similarity to probability, and a threshold.

    The probability is that of pairs mixed as in the evidence, of which the share `prior` shows one person; another
    prior moves it by the rule of Bayes.
    """

    similarities: tuple[float, ...]
    """Where the probability is known, ascending; between two of them it lies on a line."""
    probabilities: tuple[float, ...]
    prior: float
    """Share of the pairs of the evidence that show one person, 0 to 1."""
    threshold: float
    """Similarity from which on two crops are taken for one person: where the probability is one half for a prior of
    one half, so that the two kinds of errors weigh alike."""
    false_match_rate: float
    """Expected share of pairs of different people at or above the threshold, 0 to 1."""
    false_match_interval: tuple[float, float]
    miss_rate: float
    """Expected share of pairs of one person below the threshold, 0 to 1."""
    miss_interval: tuple[float, float]
    pairs: int
    sources: tuple[str, ...]
    trust: Trust
    reason: str
    among: str
    """Of which pairs the two rates are shares; others, such as random ones, have other rates."""

    def probability(
        self, similarity: Float64[np.ndarray, "*shape"], prior: float | None = None
    ) -> Float64[np.ndarray, "*shape"]:
        """Probability, 0 to 1, that two crops of this cosine similarity show one person; never falls with it.

        Raises:
            ValueError: the prior is not between 0 and 1.
        """
        found = np.interp(similarity, self.similarities, self.probabilities)
        if prior is None:
            return found
        if not 0 < prior < 1:
            raise ValueError(f"a prior lies between 0 and 1, got {prior}")
        return _with_prior(found, self.prior, prior)

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any] | str) -> "Calibration":
        """Read `to_json` again, as values or text.

        Raises:
            DataError: a part is missing or is no calibration.
        """
        try:
            made = parse_as(cls, values if isinstance(values, str) else json.dumps(values))
        except (TypeError, ValueError) as error:
            raise DataError(
                f"not a calibration of reseen ({error}); make it again with `reseen audit`"
            ) from None
        numbers = [*made.similarities, made.threshold, *made.false_match_interval, *made.miss_interval]
        shares = [*made.probabilities, made.prior, made.false_match_rate, made.miss_rate]
        ordered = all(low < high for low, high in pairwise(made.similarities)) and all(
            low <= high for low, high in pairwise(made.probabilities)
        )
        fits = len(made.similarities) == len(made.probabilities) > 0 and all(map(math.isfinite, numbers))
        if not ordered or not fits or not all(0 <= share <= 1 for share in shares):
            raise DataError(
                "not a calibration: it must ascend, and have as many shares from 0 to 1 as similarities; make it again "
                "with `reseen audit`"
            )
        return made


def calibrate(evidence: Evidence, generator: np.random.Generator) -> Calibration:
    """Isotonic regression of what is known on similarity, in bins of 0.01, and the errors at its threshold.

    Intervals hold 95 % of what drawing the groups of pairs anew gives; they say nothing of evidence that is wrong.

    Reference: Zadrozny and Elkan 2002, "Transforming classifier scores into accurate multiclass probability
    estimates", section 3.

    Raises:
        DataError: fewer than 20 pairs that may show one person, or 20 that may not.
    """
    positive, negative = _masses(evidence)
    if min(positive.sum(), negative.sum()) < _FEWEST * evidence.weight.mean():
        raise DataError(
            f"a threshold needs {_FEWEST} pairs of one person and of two; found evidence of "
            f"{positive.sum() / evidence.weight.mean():.0f} and {negative.sum() / evidence.weight.mean():.0f}; give "
            "more crops, tracklets or answers"
        )
    centers = (np.arange(_BINS) + 0.5) * 2 / _BINS - 1
    prior = float(positive.sum() / (positive.sum() + negative.sum()))
    seen = positive + negative > 0
    probability = _isotonic(positive[seen], negative[seen])
    even = _with_prior(probability, prior, 0.5)
    threshold = _crossing(centers[seen], even)
    rates = np.array([_rates(evidence, threshold, drawn) for drawn in _drawn(evidence, generator)])
    low, high = np.nanquantile(rates, [(1 - _SPAN) / 2, (1 + _SPAN) / 2], axis=0)
    false_match, miss = _rates(evidence, threshold, evidence.weight)
    return Calibration(
        tuple(centers[seen].round(4).tolist()), tuple(probability.round(6).tolist()), prior, threshold,
        false_match, (float(low[0]), float(high[0])), miss, (float(low[1]), float(high[1])),
        len(evidence.similarity), evidence.sources, evidence.trust, evidence.reason,
        evidence.among,
    )  # fmt: skip


def _masses(evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Weight of pairs of one person, and of two, in each bin of similarity."""
    place = np.clip(((evidence.similarity + 1) / 2 * _BINS).astype(np.int64), 0, _BINS - 1)
    positive = np.bincount(place, evidence.weight * evidence.same, _BINS)
    return positive, np.bincount(place, evidence.weight * (1 - evidence.same), _BINS)


def _isotonic(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    from sklearn.isotonic import isotonic_regression

    total = positive + negative
    return np.clip(isotonic_regression(positive / total, sample_weight=total, y_min=0, y_max=1), 0, 1)


def _with_prior(probability: np.ndarray, old: float, new: float) -> np.ndarray:
    """The same evidence under another share of pairs that show one person."""
    same = probability * new / max(old, 1e-12)
    other = (1 - probability) * (1 - new) / max(1 - old, 1e-12)
    return same / np.maximum(same + other, 1e-300)


def _crossing(similarity: np.ndarray, even: np.ndarray) -> float:
    """Where the probability reaches one half; the middle where a step jumps over it or a plateau lies on it."""
    below, above = np.flatnonzero(even < 0.5), np.flatnonzero(even > 0.5)
    low = float(similarity[below[-1]]) if len(below) else float(similarity[0])
    high = float(similarity[above[0]]) if len(above) else float(similarity[-1])
    return round((low + high) / 2, 4)


def _rates(evidence: Evidence, threshold: float, weight: np.ndarray) -> tuple[float, float]:
    """False match rate and miss rate."""
    positive, negative = weight * evidence.same, weight * (1 - evidence.same)
    above = evidence.similarity >= threshold
    if not positive.sum() or not negative.sum():
        return float("nan"), float("nan")
    return float(negative[above].sum() / negative.sum()), float(positive[~above].sum() / positive.sum())


def _drawn(evidence: Evidence, generator: np.random.Generator) -> list[np.ndarray]:
    """Weights of the pairs under bootstrap draws of their groups."""
    _, group = np.unique(evidence.group, return_inverse=True)
    groups = int(group.max()) + 1
    counts = [np.bincount(generator.integers(0, groups, groups), minlength=groups) for _ in range(_DRAWS)]
    return [evidence.weight * count[group] for count in counts]
