import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.errors import SettingsError
from reseen.geometry import unit
from reseen.neighbors import expand_queries
from reseen.records import Features


def at_degrees(*degrees):
    radians = torch.deg2rad(torch.tensor(degrees, dtype=torch.float32))
    return Features(torch.stack([radians.cos(), radians.sin()], dim=1))


def slowly(query, gallery, count, power):
    rows = []
    for asked in query:
        similarities = gallery @ asked
        total = asked.copy()
        for row in np.argsort(-similarities, kind="stable")[:count]:
            total = total + max(similarities[row], 0) ** power * gallery[row]
        rows.append(total / np.linalg.norm(total))
    return np.stack(rows)


@settings(max_examples=30)
@given(
    queries=st.integers(1, 12),
    gallery=st.integers(1, 30),
    count=st.integers(1, 8),
    power=st.sampled_from([0.0, 1.0, 3.0]),
    seed=st.integers(0, 999),
)
def test_equals_a_loop(queries, gallery, count, power, seed):
    generator = torch.Generator().manual_seed(seed)
    sides = [Features(unit(torch.randn(rows, 6, generator=generator))) for rows in (queries, gallery)]
    found = expand_queries(*sides, count, power, chunk_cells=gallery * 3)
    expected = slowly(*(side.numpy.astype(np.float64) for side in sides), count, power)
    np.testing.assert_allclose(found.numpy, expected, atol=1e-4)


def test_by_hand():
    expanded = expand_queries(at_degrees(0), at_degrees(40, 90, 180), 1)
    assert torch.allclose(expanded.vectors, at_degrees(20).vectors, atol=1e-6)


def test_an_empty_gallery_changes_nothing():
    query = at_degrees(0, 30)
    assert expand_queries(query, Features(torch.empty(0, 2)), 3) is query


def test_misuse_is_explained():
    one = at_degrees(0)
    with pytest.raises(SettingsError, match="needs a count of at least 1"):
        expand_queries(one, one, 0)
    with pytest.raises(SettingsError, match="a power of at least 0, got 2 and -1"):
        expand_queries(one, one, 2, -1.0)
    with pytest.raises(SettingsError, match="needs unit vectors"):
        expand_queries(Features(one.vectors, raw=True), Features(one.vectors, raw=True), 1)
