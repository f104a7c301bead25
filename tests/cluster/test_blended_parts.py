import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.cluster import blend_parts
from reseen.geometry import unit
from reseen.records import Features


def drawn(seed, parts=3, count=7):
    generator = torch.Generator().manual_seed(seed)
    return [Features(unit(torch.randn(count, 4 + part, generator=generator))) for part in range(parts)]


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), shares=st.lists(st.floats(0.01, 1), min_size=1, max_size=4))
def test_squared_distances_are_the_weighted_sums_of_those_of_the_parts(seed, shares):
    parts, weights = drawn(seed, len(shares)), [share / sum(shares) for share in shares]
    blended = blend_parts(parts, weights).vectors.double()
    for first in range(7):
        for second in range(7):
            expected = sum(
                weight * float((part.vectors[first] - part.vectors[second]).double().square().sum())
                for part, weight in zip(parts, weights, strict=True)
            )
            found = float((blended[first] - blended[second]).square().sum())
            assert found == pytest.approx(expected, abs=1e-5)


def test_the_whole_alone_is_left_as_it_is():
    (part,) = drawn(0, 1)
    assert np.array_equal(blend_parts([part], [1.0]).numpy, part.numpy)


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.5, 0.4, 0.2), (1.2, -0.1, -0.1)])
def test_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(ValueError, match="weights"):
        blend_parts(drawn(0), weights)


def test_raw_features_are_refused():
    raw = Features(2 * torch.eye(3), raw=True)
    with pytest.raises(ValueError, match="raw"):
        blend_parts([raw], [1.0])
