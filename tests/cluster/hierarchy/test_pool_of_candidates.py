"""Prices in the pool are rounded by up to the slack of the search; a pair is kept or left out by its exact cost."""

from types import SimpleNamespace

import numpy as np
import pytest

from reseen.cluster.hierarchy.candidates import CandidatePairs

SLACK, CEILING = 0.01, 1.0
OTHER = ((1, 2), 0.5, 0.5)
"""A pair, its price in the pool, and its exact cost."""


def pool_of(*pairs):
    """A pool with these pairs, as a search leaves it."""
    pool = object.__new__(CandidatePairs)
    exact = {pair: cost for pair, _, cost in pairs}
    pool._partners = SimpleNamespace(slack=SLACK)
    pool._partition = None
    pool._cost = SimpleNamespace(
        of_pairs=lambda _, first, second: np.array([exact[pair] for pair in zip(first, second, strict=True)])
    )
    pool._bound = np.full(4, np.inf)
    pool._searcher, pool._partner = (np.array(column) for column in zip(*exact, strict=True))
    pool._price = np.array([price for _, price, _ in pairs])
    return pool


@pytest.mark.parametrize("price", [CEILING - SLACK, CEILING, CEILING + SLACK / 2])
@pytest.mark.parametrize("cost", [CEILING - SLACK / 2, CEILING - SLACK / 4])
def test_a_price_within_the_slack_of_the_limit_is_decided_by_the_exact_cost(price, cost):
    first, second, costs = pool_of(((0, 1), price, cost), OTHER)._up_to(CEILING, 1)
    assert list(zip(first.tolist(), second.tolist(), costs.tolist(), strict=True)) == [
        (1, 2, 0.5),
        (0, 1, cost),
    ]


@pytest.mark.parametrize("cost", [CEILING, CEILING + SLACK / 2])
def test_an_exact_cost_at_the_limit_or_above_is_left_out(cost):
    first, second, _ = pool_of(((0, 1), CEILING - SLACK / 2, cost), OTHER)._up_to(CEILING, 1)
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == [(1, 2)]
