"""Calibration from answers: a similarity threshold with its errors, and the probability of the same person.

Every number says how far it can be off, and where that is too far there is no number: at low trust a calibration has
neither a threshold nor probabilities.
"""

import json
import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float64

from reseen.audit.pair_pool import PairPool
from reseen.audit.same_person import Posterior, fit_posterior
from reseen.errors import DataError, SettingsError
from reseen.reading import parse_as

Trust = Literal["high", "medium", "low"]

FALSE_MATCHES = 0.1
"""Default share of the matches that may be of different people."""

TOLERANCES: dict[Trust, float] = {"high": 0.03, "medium": 0.05}
"""How far each stated error may be from the truth, as a share, with a probability of 90 percent."""

_CERTAINTY = 0.9
_DRAWS = 1000
_LEVEL = 0.95
"""Confidence level."""


@dataclass(frozen=True, eq=False)
class AnsweredPairs:
    """Pairs of crops that a person answered `same` or `different`; row i of each array is one pair.

    Given similarity and cluster, the pairs must be random ones.
    """

    similarity: Float64[np.ndarray, " m"]
    """Cosine similarity, -1 to 1."""
    together: Bool[np.ndarray, " m"]
    """Whether the pair is in one cluster."""
    same: Bool[np.ndarray, " m"]
    """Whether the answer was `same`."""

    def __len__(self) -> int:
        return len(self.similarity)


@dataclass(frozen=True)
class Calibration:
    """A similarity threshold, its errors, and a nondecreasing map from similarity to probability; none at low trust.

    All refer to the most similar pairs of the crops, ten per crop, whatever their cameras: to those of a similarity of
    `lowest` or more.

    Example:
        >>> calibration = reseen.read_calibration("runs/market")
        >>> calibration.probability(np.array([0.4, 0.8]))
    """

    trust: Trust
    """`medium`: each stated error is within 5 points of the truth with a probability of 90 percent, and probabilities
    are within 5 points on average; `high`: within 3 points, and nothing was taken from tracklets; `low`: neither, and
    there are no numbers."""
    reason: str
    """Why it is trusted that much."""
    answers: int
    """Number of sure answers that it was made from."""
    further: int
    """Estimated number of further answers until trust is medium; 0 if it is."""
    lowest: float
    """Cosine similarity of the least similar pairs that were considered."""
    target: float
    """Largest share of the matches that may be false, 0 to 1: what the threshold was chosen for."""
    similarities: tuple[float, ...]
    """Support points, ascending; probabilities in between are interpolated linearly. Empty at low trust."""
    probabilities: tuple[float, ...]
    """Probability at each support point, 0 to 1."""
    threshold: float | None
    """The lowest similarity from which at most the share `target` of the pairs show different people; None at low
    trust, and where no similarity is high enough."""
    false_share: float | None
    """Expected share of the pairs at or above the threshold that show different people, 0 to 1; None without one."""
    false_interval: tuple[float, float] | None
    """95 % interval."""
    missed_share: float | None
    """Expected share of the pairs of the same person that are below the threshold, 0 to 1; None without one."""
    missed_interval: tuple[float, float] | None
    """95 % interval."""

    @property
    def trusted(self) -> bool:
        """Whether there are probabilities: at medium and high trust."""
        return self.trust != "low"

    def probability(self, similarity: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
        """Probability, 0 to 1, that two crops of this cosine similarity show the same person; nondecreasing.

        NaN below `lowest`, where nobody was asked, and everywhere at low trust.
        """
        values = np.asarray(similarity, dtype=np.float64)
        if not self.trusted:
            return np.full(values.shape, np.nan)
        return np.where(
            values < self.lowest, np.nan, np.interp(values, self.similarities, self.probabilities)
        )

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
        if not calibration._is_consistent():
            raise DataError(
                "not a calibration: similarities and probabilities must ascend and be equally many, probabilities be "
                "from 0 to 1, and errors stand beside a threshold; make it again with `reseen audit`"
            )
        return calibration

    def _is_consistent(self) -> bool:
        points, probabilities = self.similarities, self.probabilities
        errors = (self.false_share, self.false_interval, self.missed_share, self.missed_interval)
        numbers = [*points, self.lowest, *([] if self.threshold is None else [self.threshold])]
        shares = [self.target, *probabilities]
        for error in errors:
            shares += [] if error is None else list(error) if isinstance(error, tuple) else [error]
        return (
            len(points) == len(probabilities)
            and bool(points) == self.trusted
            and (self.trusted or self.threshold is None)
            and all((error is None) == (self.threshold is None) for error in errors)
            and all(map(math.isfinite, numbers))
            and all(0 <= share <= 1 for share in shares)
            and all(low < high for low, high in pairwise(points))
            and all(low <= high for low, high in pairwise(probabilities))
        )


def calibrate(
    pool: PairPool,
    answered: AnsweredPairs,
    generator: np.random.Generator,
    false_matches: float = FALSE_MATCHES,
) -> Calibration:
    """Calibrate from answers to pairs of a pool; answers on less similar pairs are not used.

    Pairs of which tracklets say whom they show are taken as known.

    Args:
        pool: the most similar pairs of the crops.
        answered: the answers, on pairs of which tracklets say nothing.
        generator: draws from the posterior.
        false_matches: share of the matches that may be of different people, above 0 and below 1.

    Raises:
        SettingsError: `false_matches` is out of range.

    Example:
        >>> calibrate(pool, answered, np.random.default_rng(0)).trust
        'medium'
    """
    check_false_matches(false_matches)
    posterior = posterior_from(pool, answered)
    probability, same = posterior.draw(_DRAWS, generator)
    pairs = pool.pairs.sum(axis=0)
    same = same.reshape(_DRAWS, 2, -1).sum(axis=1)
    unknown = (probability.reshape(_DRAWS, 2, -1) * pool.unknown).sum(axis=1)
    curves = (unknown + pool.known_same.sum(axis=0)) / pairs
    start = first_match(same.mean(axis=0), pairs, false_matches)
    false = missed = None
    spreads = [float(np.abs(curves - curves.mean(axis=0)).mean())]
    if start < len(pairs):
        false = 1 - same[:, start:].sum(axis=1) / pairs[start:].sum()
        missed = same[:, :start].sum(axis=1) / np.maximum(same.sum(axis=1), 1)
        spreads += [_spread(false), _spread(missed)]
    widest = max(spreads)
    count = int(posterior.asked.sum())
    known = float((pool.known_same + pool.known_different).sum())
    trust: Trust = next(
        (name for name, most in TOLERANCES.items() if count + known and widest <= most), "low"
    )
    if known and trust == "high":  # a tracker may have switched
        trust = "medium"
    curve = _isotonic(curves.mean(axis=0), pairs) if trust != "low" else np.empty(0)
    centers = _centers(pool) if trust != "low" else np.empty(0)
    shown = trust != "low" and false is not None and missed is not None
    return Calibration(
        trust, _reason(count, known, float(pairs.sum()), widest, trust, shown, false_matches), count,
        _further(count, widest, trust), pool.lowest, false_matches, tuple(centers.tolist()),
        tuple(curve.round(6).tolist()),
        float(pool.edges[start]) if shown else None,
        float(false.mean()) if shown else None, _interval(false) if shown else None,
        float(missed.mean()) if shown else None, _interval(missed) if shown else None,
    )  # fmt: skip


def check_false_matches(share: float) -> None:
    """Raise `SettingsError` unless the share is above 0 and below 1."""
    if not 0 < share < 1:
        raise SettingsError(
            f"false_matches must be above 0 and below 1, got {share}; 0.1 allows one match in ten to be of different "
            "people"
        )


def posterior_from(pool: PairPool, answered: AnsweredPairs) -> Posterior:
    """The posterior of the cells of a pool; answers on less similar pairs are not used."""
    cells = pool.cell(answered.similarity, answered.together)
    inside = cells >= 0
    asked = np.bincount(cells[inside], minlength=pool.pairs.size).astype(np.float64)
    same = np.bincount(cells[inside], answered.same[inside], pool.pairs.size)
    return fit_posterior(pool, same, asked)


def first_match(
    same: Float64[np.ndarray, " k"], pairs: Float64[np.ndarray, " k"], false_matches: float
) -> int:
    """The lowest range from which the expected share of different people is at most `false_matches`; k if none is."""
    share = 1 - np.cumsum(same[::-1])[::-1] / np.cumsum(pairs[::-1])[::-1]
    good = np.flatnonzero(share <= false_matches)
    return int(good[0]) if len(good) else len(pairs)


def _centers(pool: PairPool) -> Float64[np.ndarray, " k"]:
    """The mean similarity in each range."""
    ranges = np.searchsorted(pool.edges, pool.similarity, side="right") - 1
    return np.bincount(ranges, pool.similarity) / np.bincount(ranges)


def _isotonic(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    from scipy.optimize import isotonic_regression

    return np.clip(isotonic_regression(values, weights=weights).x, 0, 1)


def _spread(values: Float64[np.ndarray, " d"]) -> float:
    """The distance from the mean that nine draws in ten keep within."""
    return float(np.quantile(np.abs(values - values.mean()), _CERTAINTY))


def _interval(values: Float64[np.ndarray, " d"]) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)


def _further(count: int, widest: float, trust: Trust) -> int:
    """Answers until the spread is that of medium trust, if it shrinks with their square root; in tens."""
    if trust != "low":
        return 0
    wanted = max(count, 20) * (widest / TOLERANCES["medium"]) ** 2
    return max(10, math.ceil((wanted - count) / 10) * 10)


def _reason(
    count: int,
    known: float,
    pairs: float,
    widest: float,
    trust: Trust,
    has_threshold: bool,
    false_matches: float,
) -> str:
    if not count and not known:
        return "no answers on similar pairs"
    tracklets = f", and tracklets, which know {known:,.0f} of {pairs:,.0f} pairs," if known else ""
    text = f"{count:,} answers{tracklets} bound every number to within {100 * widest:.0f} points"
    if trust == "low":
        return f"{text}, and {100 * TOLERANCES['medium']:.0f} are needed"
    if not has_threshold:
        return f"{text}; from no similarity on are as few as {false_matches:.0%} of the pairs of different people"
    return text
