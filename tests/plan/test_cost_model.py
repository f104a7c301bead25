"""Cost models recover the growth that they were fitted to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseen.plan.cost_model import CostModel, benchmark_sizes, fit_cost_model

cost = st.floats(0.001, 10)
SIZES = [500, 1000, 2000]


@given(cost, cost, cost)
def test_a_quadratic_is_found(constant, linear, square):
    true = CostModel(constant, linear / 1e3, square / 1e6)
    found = fit_cost_model(SIZES, [true.predict(size) for size in SIZES], power=2)
    assert found.predict(50_000) == pytest.approx(true.predict(50_000), rel=1e-3)


@given(st.lists(st.floats(1e-4, 1e3), min_size=3, max_size=3))
def test_nothing_shrinks_with_more_crops_or_is_negative(measured):
    found = fit_cost_model(SIZES, measured, power=2)
    assert 0 <= found.predict(100) <= found.predict(1000) <= found.predict(1_000_000)


def test_one_size_says_nothing_of_growth():
    assert fit_cost_model([100], [3.0], power=2) == CostModel(pytest.approx(3.0))


def test_two_sizes_make_a_line():
    assert fit_cost_model([100, 200], [3.0, 5.0], power=2).predict(400) == pytest.approx(9.0)


@given(st.integers(1, 10**7), st.integers(1000, 10_000))
def test_sizes_end_at_the_work_itself_where_it_is_small(images, most):
    sizes = benchmark_sizes(images, most)
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == min(images, most)
    assert 1 <= len(sizes) <= 3
    assert sizes[0] >= min(250, images)
