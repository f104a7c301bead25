import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.cluster.hierarchy import products
from reseen.cluster.hierarchy.products import largest_products


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(products, "_ROWS_AT_ONCE", 8)


@given(
    count=st.integers(2, 60),
    share=st.sampled_from([0.3, 0.6, 1.0]),
    k=st.integers(1, 9),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_every_row_looked_up_finds_its_largest_products(count, share, k, seed):
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(count + 5, 6)).astype(np.float32)
    alive = np.sort(generator.permutation(count + 5)[:count])
    names = np.sort(generator.permutation(alive)[: max(1, int(share * count))])
    k = min(k, count - 1)
    best = largest_products(rows, names, alive, 2.0, k)
    every = 2 * rows[names, :-1].astype(np.float64) @ rows[alive, :-1].T - rows[alive, -1]
    every[names[:, None] == alive] = -np.inf
    order = np.argsort(-every, axis=1)[:, :k]
    assert np.allclose(best.values, np.take_along_axis(every, order, 1), atol=1e-5)
    assert np.array_equal(best.names, alive[order])


def test_more_room_than_rows_stays_empty():
    rows = np.eye(3, 4, dtype=np.float32)
    best = largest_products(rows, np.arange(3), np.arange(3), 1.0, 5)
    assert (best.names[:, 2:] == -1).all()
    assert np.isneginf(best.values[:, 2:]).all()
    assert (best.names[:, :2] >= 0).all()
