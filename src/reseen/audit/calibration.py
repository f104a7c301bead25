"""Calibration: cosine similarity to the probability that two crops show the same person, and a threshold."""

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
"""Minimum number of positive and of negative pairs, weighted by their probabilities."""
_DRAWS = 200
"""Bootstrap samples."""
_LEVEL = 0.95
"""Confidence level."""


@dataclass(frozen=True)
class Evidence:
    """Weighted pairs of crops with soft labels; row i of the four arrays is one pair."""

    similarity: Float64[np.ndarray, " m"]
    """Cosine similarity, -1 to 1."""
    same: Float64[np.ndarray, " m"]
    """Probability that the pair shows the same person; 0 or 1 if known."""
    weight: Float64[np.ndarray, " m"]
    """Number of pairs that this one represents."""
    group: Int64[np.ndarray, " m"]
    """Bootstrap group: correlated pairs, such as those of one crop, are resampled together."""
    sources: tuple[str, ...]
    """Descriptions of the pairs."""
    trust: Trust
    """How reliable the evidence is."""
    reason: str
    """Why it is trusted that much."""
    among: str
    """The population of pairs that the error rates refer to."""


@dataclass(frozen=True)
class Calibration:
    """A nondecreasing map from cosine similarity to the probability of the same person, and a threshold.

    Probabilities hold for pairs mixed as in the evidence, of which the share `prior` shows the same person;
    `probability` converts them to another prior by Bayes' rule.

    Example:
        >>> calibration = reseen.read_calibration("runs/market")
        >>> calibration.probability(np.array([0.4, 0.8]), prior=0.01)
    """

    similarities: tuple[float, ...]
    """Support points, ascending; probabilities in between are interpolated linearly."""
    probabilities: tuple[float, ...]
    """Probability at each support point, 0 to 1."""
    prior: float
    """Share of the pairs of the evidence that show the same person, 0 to 1."""
    threshold: float
    """Similarity from which two crops count as the same person: where the probability is one half under a prior of
    one half, so that both kinds of errors have equal weight."""
    false_match_rate: float
    """Expected share of pairs of different people at or above the threshold, 0 to 1."""
    false_match_interval: tuple[float, float]
    """95 % bootstrap interval."""
    miss_rate: float
    """Expected share of pairs of the same person below the threshold, 0 to 1."""
    miss_interval: tuple[float, float]
    """95 % bootstrap interval."""
    pairs: int
    """Number of pairs of evidence."""
    sources: tuple[str, ...]
    trust: Trust
    reason: str
    among: str
    """The population of pairs that the two rates refer to; other pairs, such as random ones, have other rates."""

    def probability(
        self, similarity: Float64[np.ndarray, "*shape"], prior: float | None = None
    ) -> Float64[np.ndarray, "*shape"]:
        """Probability, 0 to 1, that two crops of this cosine similarity show the same person; nondecreasing.

        `prior` is the share of pairs of the same person among the pairs to be judged, None for that of the evidence.

        Raises:
            ValueError: the prior is not between 0 and 1.
        """
        values = np.interp(similarity, self.similarities, self.probabilities)
        if prior is None:
            return values
        if not 0 < prior < 1:
            raise ValueError(f"prior must be between 0 and 1, got {prior}")
        return _with_prior(values, self.prior, prior)

    def to_json(self) -> dict[str, Any]:
        """JSON-serializable values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any] | str) -> "Calibration":
        """The calibration from the values of `to_json`, or their JSON text.

        Raises:
            DataError: a value is missing or invalid.
        """
        try:
            calibration = parse_as(cls, values if isinstance(values, str) else json.dumps(values))
        except (TypeError, ValueError) as error:
            raise DataError(
                f"not a calibration of reseen ({error}); make it again with `reseen audit`"
            ) from None
        points, probabilities = calibration.similarities, calibration.probabilities
        intervals = (*calibration.false_match_interval, *calibration.miss_interval)
        numbers = [*points, calibration.threshold, *intervals]
        shares = [*probabilities, calibration.prior, calibration.false_match_rate, calibration.miss_rate]
        is_sorted = all(low < high for low, high in pairwise(points)) and all(
            low <= high for low, high in pairwise(probabilities)
        )
        is_complete = len(points) == len(probabilities) > 0 and all(map(math.isfinite, numbers))
        if not is_sorted or not is_complete or not all(0 <= share <= 1 for share in shares):
            raise DataError(
                "not a calibration: similarities and probabilities must ascend and be equally many, and probabilities "
                "be from 0 to 1; make it again with `reseen audit`"
            )
        return calibration


def calibrate(evidence: Evidence, generator: np.random.Generator) -> Calibration:
    """Calibrate by isotonic regression of the pair labels on similarity, in bins of 0.01.

    The intervals of the error rates are 95 % bootstrap intervals over the groups of pairs; they do not account for
    wrong evidence.

    Reference: Zadrozny and Elkan 2002, "Transforming classifier scores into accurate multiclass probability
    estimates", section 3.

    Raises:
        DataError: fewer than 20 positive or 20 negative pairs.

    Example:
        >>> evidence = gather_evidence(features, table, None, None, generator)
        >>> calibrate(evidence, generator).threshold
    """
    positive, negative = _masses(evidence)
    if min(positive.sum(), negative.sum()) < _FEWEST * evidence.weight.mean():
        raise DataError(
            f"a threshold needs {_FEWEST} pairs each of the same and of different people; found "
            f"{positive.sum() / evidence.weight.mean():.0f} and {negative.sum() / evidence.weight.mean():.0f}; give "
            "more crops, tracklets or answers"
        )
    centers = (np.arange(_BINS) + 0.5) * 2 / _BINS - 1
    prior = float(positive.sum() / (positive.sum() + negative.sum()))
    seen = positive + negative > 0
    probability = _isotonic(positive[seen], negative[seen])
    even = _with_prior(probability, prior, 0.5)
    threshold = _crossing(centers[seen], even)
    rates = np.array([_rates(evidence, threshold, weight) for weight in _bootstrap(evidence, generator)])
    low, high = np.nanquantile(rates, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2], axis=0)
    false_match, miss = _rates(evidence, threshold, evidence.weight)
    return Calibration(
        tuple(centers[seen].round(4).tolist()), tuple(probability.round(6).tolist()), prior, threshold,
        false_match, (float(low[0]), float(high[0])), miss, (float(low[1]), float(high[1])),
        len(evidence.similarity), evidence.sources, evidence.trust, evidence.reason,
        evidence.among,
    )  # fmt: skip


def _masses(evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Weight of positive and of negative pairs in each bin of similarity."""
    bins = np.clip(((evidence.similarity + 1) / 2 * _BINS).astype(np.int64), 0, _BINS - 1)
    positive = np.bincount(bins, evidence.weight * evidence.same, _BINS)
    return positive, np.bincount(bins, evidence.weight * (1 - evidence.same), _BINS)


def _isotonic(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    from sklearn.isotonic import isotonic_regression

    total = positive + negative
    return np.clip(isotonic_regression(positive / total, sample_weight=total, y_min=0, y_max=1), 0, 1)


def _with_prior(probability: np.ndarray, old: float, new: float) -> np.ndarray:
    """Convert probabilities from one prior to another by Bayes' rule."""
    same = probability * new / max(old, 1e-12)
    other = (1 - probability) * (1 - new) / max(1 - old, 1e-12)
    return same / np.maximum(same + other, 1e-300)


def _crossing(similarity: np.ndarray, even: np.ndarray) -> float:
    """The similarity where the probability crosses one half; the midpoint of a jump over it or a plateau at it."""
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


def _bootstrap(evidence: Evidence, generator: np.random.Generator) -> list[np.ndarray]:
    """Weights of the pairs in each bootstrap sample of their groups."""
    _, group = np.unique(evidence.group, return_inverse=True)
    groups = int(group.max()) + 1
    counts = [np.bincount(generator.integers(0, groups, groups), minlength=groups) for _ in range(_DRAWS)]
    return [evidence.weight * count[group] for count in counts]
