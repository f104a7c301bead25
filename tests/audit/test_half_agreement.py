"""Agreement of two halves of the principal components: against plain loops, chance, redundancy and a turn."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.audit import half_agreement as module
from reseen.audit.half_agreement import (
    component_halves,
    half_agreement,
    nearest_neighbors,
    overlap_over_chance,
)
from reseen.geometry import unit
from reseen.records import Features


def drawn(rows):
    return Features(unit(torch.from_numpy(np.asarray(rows, dtype=np.float32))))


def stretched(generator, count, dimension):
    """Rows whose components have clearly different variances, so that their order is no matter of rounding."""
    return generator.normal(size=(count, dimension)) * 0.8 ** np.arange(dimension) + 0.3


def halves_by_svd(vectors):
    """Both halves by the singular vectors of all centered rows in float64."""
    centered = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    projected = centered @ np.linalg.svd(centered, full_matrices=False)[2].T
    return [np.array([row / np.linalg.norm(row) for row in projected[:, half::2]]) for half in (0, 1)]


def test_it_is_the_overlap_over_chance_by_plain_loops():
    features = drawn(stretched(np.random.default_rng(0), 60, 8))
    halves, shared = halves_by_svd(features.numpy), []
    for row in range(60):
        others = [other for other in range(60) if other != row]
        near = [set(sorted(others, key=lambda other: -(half[row] @ half[other]))[:10]) for half in halves]
        shared.append(len(near[0] & near[1]))
    chance = 10 / 59
    assert half_agreement(features) == pytest.approx((np.mean(shared) / 10 - chance) / (1 - chance), abs=1e-6)


def test_halves_are_unit_rows_of_components_that_do_not_correlate():
    vectors = drawn(stretched(np.random.default_rng(0), 300, 20)).numpy
    for half, expected in zip(component_halves(vectors), halves_by_svd(vectors), strict=True):
        assert half.shape == (300, 10)
        assert half.dtype == np.float32
        signs = np.sign(np.einsum("nd,nd->d", half, expected))
        np.testing.assert_allclose(half * signs, expected, atol=1e-3)


def test_at_most_sixty_four_components_and_a_sample_of_the_crops_count(monkeypatch):
    vectors = drawn(np.random.default_rng(0).normal(size=(200, 90))).numpy
    assert [half.shape for half in component_halves(vectors)] == [(200, 32), (200, 32)]
    monkeypatch.setattr(module, "_FITTED", 50)
    assert [half.shape for half in component_halves(vectors)] == [(200, 25), (200, 25)]


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_a_turn_of_the_space_changes_nothing(seed):
    generator = np.random.default_rng(seed)
    rows = drawn(stretched(generator, 200, 12)).numpy
    turn = np.linalg.qr(generator.normal(size=(12, 12)))[0].astype(np.float32)
    assert half_agreement(drawn(rows @ turn)) == pytest.approx(half_agreement(drawn(rows)), abs=0.02)


def test_features_without_structure_agree_as_chance_does():
    features = drawn(np.random.default_rng(0).normal(size=(600, 64)))
    assert half_agreement(features) == pytest.approx(0, abs=0.03)


def test_many_dimensions_of_few_colors_agree_as_chance_does():
    """An encoder with random weights: 64 dimensions that four numbers determine. Halves of the dimensions agree."""
    generator = np.random.default_rng(0)
    features = drawn(generator.normal(size=(600, 4)) @ generator.normal(size=(4, 64)))
    rows = np.arange(600)
    dimensions = (nearest_neighbors(drawn(features.numpy[:, half::2]).numpy, rows) for half in (0, 1))
    assert overlap_over_chance(*dimensions, 599).mean() > 0.4
    assert half_agreement(features) == pytest.approx(0, abs=0.05)


def test_features_of_people_agree():
    generator = np.random.default_rng(0)
    people = np.repeat(np.arange(50), 11)
    rows = generator.normal(size=(50, 64))[people] + 0.2 * generator.normal(size=(550, 64))
    assert half_agreement(drawn(rows)) > 0.9


def test_a_few_crops_have_none_and_equal_ones_are_no_fault():
    assert half_agreement(drawn(np.eye(39))) is None
    assert half_agreement(drawn(np.ones((60, 1)))) is None
    assert np.isfinite(half_agreement(drawn(np.ones((60, 4)))))
