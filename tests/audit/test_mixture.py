import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.mixture import GaussianMixture

from reseen.audit import fit_mixture
from reseen.errors import DataError


def drawn(share, seed, count=2000):
    generator = np.random.default_rng(seed)
    high = generator.random(count) < share
    return np.where(high, generator.normal(0.7, 0.1, count), generator.normal(0.1, 0.15, count))


@settings(max_examples=15)
@given(st.floats(0.2, 0.8), st.integers(0, 1000))
def test_it_is_the_fit_of_scikit_learn(share, seed):
    values = drawn(share, seed)
    found = fit_mixture(values, tolerance=1e-12)
    peer = GaussianMixture(2, tol=1e-12, max_iter=2000, means_init=[[found.low_mean], [found.high_mean]]).fit(
        values[:, None]
    )
    assert found.share == pytest.approx(peer.weights_[1], abs=1e-3)
    assert [found.low_mean, found.high_mean] == pytest.approx(peer.means_.ravel().tolist(), abs=1e-3)
    deviations = np.sqrt(peer.covariances_.ravel())
    assert [found.low_deviation, found.high_deviation] == pytest.approx(deviations.tolist(), abs=1e-3)
    assert found.log_likelihood == pytest.approx(peer.score(values[:, None]), abs=1e-5)
    assert found.posterior(values) == pytest.approx(peer.predict_proba(values[:, None])[:, 1], abs=5e-3)


def test_weights_are_counts():
    values = drawn(0.4, 1, 300)
    counts = np.random.default_rng(2).integers(0, 4, len(values)).astype(float)
    weighed, repeated = fit_mixture(values, counts), fit_mixture(np.repeat(values, counts.astype(int)))
    assert weighed.share == pytest.approx(repeated.share, abs=1e-6)
    assert weighed.high_mean == pytest.approx(repeated.high_mean, abs=1e-6)


def test_the_posterior_is_the_rule_of_bayes():
    found = fit_mixture(drawn(0.3, 3))
    x = np.linspace(-0.5, 1, 7)
    high = found.share * norm.pdf(x, found.high_mean, found.high_deviation)
    low = (1 - found.share) * norm.pdf(x, found.low_mean, found.low_deviation)
    assert found.posterior(x) == pytest.approx(high / (high + low))
    assert found.separation > 4


@pytest.mark.parametrize("values", [np.array([0.1, 0.2]), np.full(50, 0.3)])
def test_too_little_is_an_error(values):
    with pytest.raises(DataError, match="four different similarities"):
        fit_mixture(values)
