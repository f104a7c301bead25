import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.errors import DataError
from reseen.geometry import as_features, mean_direction, squared_euclidean, unit
from reseen.records import Features


def test_unit_keeps_directions_and_zeros():
    vectors = torch.tensor([[3.0, 4.0], [0.0, 0.0], [-2.0, 0.0]])
    assert torch.allclose(unit(vectors), torch.tensor([[0.6, 0.8], [0.0, 0.0], [-1.0, 0.0]]))
    assert unit(torch.ones(2, 3, 4)).norm(dim=-1).allclose(torch.ones(2, 3))


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 6), st.integers(1, 6), st.integers(1, 8))
def test_distances_agree_with_the_plain_sum_of_squares(seed, rows, columns, dimension):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(rows, dimension, generator=generator)
    b = torch.randn(columns, dimension, generator=generator)
    if seed % 2:
        a, b = unit(a), unit(b)
    for i in range(rows):
        for j in range(columns):
            assert math.isclose(
                squared_euclidean(a, b)[i, j], float((a[i] - b[j]).square().sum()), abs_tol=1e-4
            )
    assert float(squared_euclidean(a, a).min()) >= 0


def test_mean_direction():
    assert torch.allclose(mean_direction(torch.eye(2)), torch.full((2,), math.sqrt(0.5)))
    opposite = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert mean_direction(opposite).tolist() == [0.0, 0.0]


ROWS = [[3.0, 4.0], [0.0, -2.0]]


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        np.array(ROWS),
        np.array(ROWS, dtype=np.float16),
        np.array(ROWS, dtype=np.int8),
        torch.tensor(ROWS),
        torch.tensor(ROWS, dtype=torch.bfloat16),
        torch.tensor(ROWS, requires_grad=True),
    ],
    ids=lambda rows: f"{type(rows).__name__} {getattr(rows, 'dtype', '')}",
)
def test_features_from_what_users_have(rows):
    expected = torch.tensor([[0.6, 0.8], [0.0, -1.0]])
    torch.testing.assert_close(as_features(rows).vectors, expected)
    assert as_features(rows, raw=True).vectors.tolist() == ROWS


def test_features_are_taken_as_they_are():
    features = Features(torch.eye(3))
    assert as_features(features) is features


@given(st.integers(0, 2**31), st.floats(1e-30, 1e30))
def test_the_scale_of_features_does_not_matter(seed, scale):
    rows = np.random.default_rng(seed).normal(size=(5, 4))
    torch.testing.assert_close(as_features(rows * scale).vectors, as_features(rows).vectors)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([1.0, 2.0], "matrix"),
        ([[1.0], [1.0, 2.0]], "matrix"),
        ([["a"]], "matrix"),
        ([[1.0, float("nan")]], "1 feature rows are not finite, the first is row 0"),
        ([[1.0, 0.0], [0.0, 0.0]], "1 feature rows are zero and have no direction, the first is row 1"),
    ],
)
def test_what_are_no_features_is_said(rows, reason):
    with pytest.raises(DataError, match=reason):
        as_features(rows)
