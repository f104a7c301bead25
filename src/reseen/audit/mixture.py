r"""A one-dimensional mixture of two normal distributions, fitted by expectation-maximization.

$p(x) = \pi N(x; \mu_1, \sigma_1) + (1 - \pi) N(x; \mu_0, \sigma_0)$, where $\mu_1 \ge \mu_0$.

Reference: Dempster et al. 1977, "Maximum likelihood from incomplete data via the EM algorithm".
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from reseen.errors import DataError

_FLOOR = 1e-6
"""Added to variances, as in scikit-learn, so that a component cannot collapse to a point."""


@dataclass(frozen=True)
class Mixture:
    """A mixture of two normal components; `high` is the one with the larger mean."""

    share: float
    """Weight of the high component, 0 to 1."""
    low_mean: float
    low_deviation: float
    high_mean: float
    high_deviation: float
    log_likelihood: float
    """Mean log-likelihood per value."""
    iterations: int

    @property
    def separation(self) -> float:
        """Distance of the means in pooled standard deviations; below 2 the density can have a single mode."""
        pooled = np.sqrt((self.low_deviation**2 + self.high_deviation**2) / 2)
        return float((self.high_mean - self.low_mean) / pooled)

    def posterior(self, values: Float64[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
        """Probability, 0 to 1, that a value comes from the high component."""
        return _expect(values, self.share, self._low, self._high)[0]

    @property
    def _low(self) -> tuple[float, float]:
        return self.low_mean, self.low_deviation

    @property
    def _high(self) -> tuple[float, float]:
        return self.high_mean, self.high_deviation


def fit_mixture(
    values: Float64[np.ndarray, " m"],
    weights: Float64[np.ndarray, " m"] | None = None,
    *,
    iterations: int = 2000,
    tolerance: float = 1e-9,
) -> Mixture:
    """Fit the mixture to values with optional weights, initialized by splitting at the mean.

    Iteration stops when the mean log-likelihood improves by less than `tolerance`, or after `iterations`.

    Raises:
        DataError: fewer than four values with positive weight, or all are equal.

    Example:
        >>> fit_mixture(similarities).posterior(np.array([0.3, 0.7]))
    """
    weights = np.ones(len(values)) if weights is None else weights
    total = float(weights.sum())
    if np.count_nonzero(weights) < 4 or np.ptp(values[weights > 0]) < 1e-9:
        raise DataError("a mixture needs at least four different similarities; give more crops")
    above = (values > float(weights @ values) / total).astype(np.float64)
    share, low, high = _maximize(values, weights, above)
    likelihood, count = -np.inf, 0
    while count < iterations:
        count += 1
        responsible, logs = _expect(values, share, low, high)
        previous, likelihood = likelihood, float(weights @ logs) / total
        share, low, high = _maximize(values, weights, responsible)
        if likelihood - previous < tolerance:
            break
    if low[0] > high[0]:
        share, low, high = 1 - share, high, low
    return Mixture(share, *low, *high, likelihood, count)


def _expect(
    values: Float64[np.ndarray, " m"], share: float, low: tuple[float, float], high: tuple[float, float]
) -> tuple[Float64[np.ndarray, " m"], Float64[np.ndarray, " m"]]:
    """E-step: responsibility of the high component, and the log density of each value."""
    upper = np.log(max(share, 1e-300)) + _log_normal(values, *high)
    lower = np.log(max(1 - share, 1e-300)) + _log_normal(values, *low)
    both = np.logaddexp(upper, lower)
    return np.exp(upper - both), both


def _maximize(
    values: Float64[np.ndarray, " m"],
    weights: Float64[np.ndarray, " m"],
    responsible: Float64[np.ndarray, " m"],
) -> tuple[float, tuple[float, float], tuple[float, float]]:
    """M-step: weight of the high component, and mean and standard deviation of the low and the high component."""
    parts = []
    for part in (weights * (1 - responsible), weights * responsible):
        mass = max(float(part.sum()), 1e-12)
        mean = float(part @ values) / mass
        variance = float(part @ (values - mean) ** 2) / mass
        parts.append((mean, float(np.sqrt(variance + _FLOOR))))
    return float(weights @ responsible / weights.sum()), parts[0], parts[1]


def _log_normal(
    values: Float64[np.ndarray, " m"], mean: float, deviation: float
) -> Float64[np.ndarray, " m"]:
    return -0.5 * ((values - mean) / deviation) ** 2 - np.log(deviation) - 0.5 * np.log(2 * np.pi)
