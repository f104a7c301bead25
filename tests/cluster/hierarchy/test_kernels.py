"""The running top-k over columns against sorting everything."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reseen.cluster.hierarchy.kernels import keep_largest_across


@given(seed=st.integers(0, 10_000), k=st.integers(1, 5), first=st.integers(0, 2), high=st.booleans())
def test_lists_hold_the_largest_of_all_blocks(seed, k, first, high):
    generator = np.random.default_rng(seed)
    lists, columns, begin, end = 7, 4, 1, 4
    values = np.full((lists, k), -np.inf, np.float32)
    indices = np.full((lists, k), -1)
    if high:  # what other lists hold does not matter
        values[[*range(first + begin), *range(first + end, lists)]] = 100
    untouched = values.copy()
    seen = [[] for _ in range(lists)]
    for block in range(3):
        products = generator.normal(size=(6, columns)).astype(np.float32)
        offsets, shifts = (
            generator.normal(size=6).astype(np.float32),
            10 * np.arange(columns, dtype=np.float32),
        )
        names = 100 * block + np.arange(6)
        for j in range(begin, end):
            column = products[:, j] + shifts[j] - offsets
            seen[first + j] += list(zip(column.tolist(), names.tolist(), strict=True))
        keep_largest_across(begin, end, products, offsets, names, first, shifts, values, indices)
    for row, pairs in enumerate(seen):
        if not pairs:
            assert np.array_equal(values[row], untouched[row])
            continue
        best = sorted(pairs, reverse=True)[:k]
        np.testing.assert_allclose(values[row], [value for value, _ in best], rtol=1e-5, atol=1e-5)
        assert indices[row].tolist() == [name for _, name in best]
