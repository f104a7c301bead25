r"""Two kinds of numbers told apart without labels: a mixture of two normal distributions, by expectation-maximization.

$p(x) = \pi N(x; \mu_1, \sigma_1) + (1 - \pi) N(x; \mu_0, \sigma_0)$, with the upper component first.

Reference: Dempster et al. 1977, "Maximum likelihood from incomplete data via the EM algorithm".
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from reseen.errors import DataError

_FLOOR = 1e-6
"""Added to variances, as scikit-learn does, so that a component cannot shrink to a point."""


@dataclass(frozen=True)
class Mixture:
    """Two normal components, `high` the one with the larger mean."""

    share: float
    """Weight of the high component, 0 to 1."""
    low_mean: float
    low_deviation: float
    high_mean: float
    high_deviation: float
    log_likelihood: float
    """Mean over the values."""
    iterations: int

    @property
    def separation(self) -> float:
        """Distance of the means in standard deviations, those of both components pooled; below 2 they blur into one."""
        pooled = np.sqrt((self.low_deviation**2 + self.high_deviation**2) / 2)
        return float((self.high_mean - self.low_mean) / pooled)

    def posterior(self, values: Float64[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
        """Probability that a value is of the high component, 0 to 1."""
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
    """Fit two components to values, each counted `weights` times; it starts from the halves below and above the mean.

    It ends where the mean log-likelihood gains less than `tolerance`.

    Raises:
        DataError: fewer than four values of weight, or all alike.
    """
    weights = np.ones(len(values)) if weights is None else weights
    total = float(weights.sum())
    if np.count_nonzero(weights) < 4 or np.ptp(values[weights > 0]) < 1e-9:
        raise DataError("a mixture needs four different similarities or more; give more crops")
    above = (values > float(weights @ values) / total).astype(np.float64)
    share, low, high = _maximize(values, weights, above)
    likelihood, count = -np.inf, 0
    while count < iterations:
        count += 1
        responsible, logs = _expect(values, share, low, high)
        before, likelihood = likelihood, float(weights @ logs) / total
        share, low, high = _maximize(values, weights, responsible)
        if likelihood - before < tolerance:
            break
    if low[0] > high[0]:
        share, low, high = 1 - share, high, low
    return Mixture(share, *low, *high, likelihood, count)


def _expect(
    values: Float64[np.ndarray, " m"], share: float, low: tuple[float, float], high: tuple[float, float]
) -> tuple[Float64[np.ndarray, " m"], Float64[np.ndarray, " m"]]:
    """Responsibility of the high component, and the log density of each value."""
    upper = np.log(max(share, 1e-300)) + _log_normal(values, *high)
    lower = np.log(max(1 - share, 1e-300)) + _log_normal(values, *low)
    both = np.logaddexp(upper, lower)
    return np.exp(upper - both), both


def _maximize(
    values: Float64[np.ndarray, " m"],
    weights: Float64[np.ndarray, " m"],
    responsible: Float64[np.ndarray, " m"],
) -> tuple[float, tuple[float, float], tuple[float, float]]:
    """Share, and mean and standard deviation of the low and the high component."""
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
