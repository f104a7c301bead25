r"""The probability that pairs show the same person, from answers: a Bayesian regression over the cells of a pool.

The logit of the probability in a cell is a normal process: a line over the ranges of similarity, a level for pairs in
one cluster, and a smooth deviation from both. Answers are Bernoulli draws. The posterior is approximated at its mode by
a normal distribution (Laplace). Priors are wide: an unasked pool may hold no pair of one person or only such pairs.

Which pairs were asked may depend on similarity, cluster and earlier answers; given these, pairs must be random.

Reference: Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", section 3.4.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from reseen.audit.pair_pool import PairPool

_LINE = (-4.0, 6.0)
"""Prior mean of the logit in the lowest range, and its rise to the highest."""
_LINE_DEVIATIONS = (2.5, 4.0)
_CLUSTER = (2.0, 2.0)
"""Prior mean and standard deviation of what sharing a cluster adds to the logit."""
_SMOOTH = ((1.0, 0.2), (0.7, 0.3))
"""Standard deviation and length, in shares of all ranges, of the deviations: of both kinds of pairs, of each kind."""
_STEPS = 100
_LONGEST = 3.0
"""Largest change of a logit in a step of Newton's method."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """A normal distribution of the logits in the cells of a pool, and the answers that it was made from."""

    pool: PairPool
    same: Float64[np.ndarray, " c"]
    """Number of answers `same` in each cell."""
    asked: Float64[np.ndarray, " c"]
    """Number of sure answers in each cell."""
    mode: Float64[np.ndarray, " c"]
    covariance: Float64[np.ndarray, "c c"]

    @property
    def probability(self) -> Float64[np.ndarray, " c"]:
        """Probability of the same person in each cell at the mode, 0 to 1."""
        return _logistic(self.mode)

    def draw(
        self, count: int, generator: np.random.Generator
    ) -> tuple[Float64[np.ndarray, "d c"], Float64[np.ndarray, "d c"]]:
        """Draw the probability in each cell, and the number of its pairs that show the same person.

        The pairs answered are known, and those of which tracklets say whom they show; the others are binomial. The
        probability is that of pairs of which tracklets say nothing.
        """
        root = np.linalg.cholesky(self.covariance + 1e-9 * np.eye(len(self.mode)))
        logits = self.mode + generator.standard_normal((count, len(self.mode))) @ root.T
        probability = _logistic(logits)
        unasked = np.maximum(np.round(self.pool.unknown.reshape(-1) - self.asked), 0).astype(np.int64)
        known = self.pool.known_same.reshape(-1) + self.same
        return probability, known + generator.binomial(unasked, probability)


def fit_posterior(
    pool: PairPool, same: Float64[np.ndarray, " c"], asked: Float64[np.ndarray, " c"]
) -> Posterior:
    """The posterior from the number of answers `same` and of sure answers in each cell of the flattened pool.

    Answers are on pairs of which tracklets say nothing.
    """
    mean, prior = _prior(len(pool.edges))
    logits = mean.copy()
    for _ in range(_STEPS):
        probability = _logistic(logits)
        weight = asked * probability * (1 - probability)
        root = np.sqrt(weight)
        push = weight * (logits - mean) + same - asked * probability
        triangle = np.linalg.cholesky(np.eye(len(mean)) + root[:, None] * prior * root)
        inner = np.linalg.solve(triangle.T, np.linalg.solve(triangle, root * (prior @ push)))
        step = mean + prior @ (push - root * inner) - logits
        longest = float(np.abs(step).max())
        logits = logits + step * min(1.0, _LONGEST / max(longest, 1e-12))
        if longest < 1e-6:
            break
    probability = _logistic(logits)
    root = np.sqrt(asked * probability * (1 - probability))
    triangle = np.linalg.cholesky(np.eye(len(mean)) + root[:, None] * prior * root)
    half = np.linalg.solve(triangle, root[:, None] * prior)
    return Posterior(pool, same, asked, logits, prior - half.T @ half)


def _prior(ranges: int) -> tuple[Float64[np.ndarray, " c"], Float64[np.ndarray, "c c"]]:
    place = np.tile(np.linspace(0, 1, ranges), 2)
    together = np.repeat([0.0, 1.0], ranges)
    mean = _LINE[0] + _LINE[1] * place + _CLUSTER[0] * together
    level, slope = _LINE_DEVIATIONS
    square = (place[:, None] - place) ** 2
    (both, both_length), (each, each_length) = _SMOOTH
    covariance = (
        level**2
        + slope**2 * np.outer(place, place)
        + _CLUSTER[1] ** 2 * np.outer(together, together)
        + both**2 * np.exp(-square / (2 * both_length**2))
        + each**2 * np.exp(-square / (2 * each_length**2)) * (together[:, None] == together)
    )
    return mean, covariance + 1e-6 * np.eye(len(mean))


def _logistic(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(logits, -500, 500)))
