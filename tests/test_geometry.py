import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.geometry import mean_direction, squared_euclidean, unit


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
