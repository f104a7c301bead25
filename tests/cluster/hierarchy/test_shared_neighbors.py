"""Pairs under new names, against a dictionary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from reseen.cluster.hierarchy.shared_neighbors import fold_pairs, similar_pairs

NAMES = 12


@given(
    pairs=st.dictionaries(
        st.tuples(st.integers(0, NAMES - 1), st.integers(0, NAMES - 1)).filter(
            lambda pair: pair[0] < pair[1]
        ),
        st.floats(0, 1),
        max_size=40,
    ),
    target=st.lists(st.integers(0, NAMES - 1), min_size=NAMES, max_size=NAMES),
    largest=st.booleans(),
)
def test_pairs_are_folded(pairs, target, largest):
    expected = {}
    for (one, other), value in pairs.items():
        low, high = sorted((target[one], target[other]))
        if low < high:
            before = expected.get((low, high))
            folded = max if largest else lambda a, b: a + b
            expected[low, high] = value if before is None else folded(before, value)
    first, second = (np.array([pair[side] for pair in pairs], np.int32) for side in (0, 1))
    values = np.array(list(pairs.values()), np.float64)
    found = fold_pairs(first, second, values, np.array(target), largest)
    assert [array.dtype for array in found] == [np.int32, np.int32, np.float64]
    assert {(int(a), int(b)): value for a, b, value in zip(*found, strict=True)} == pytest.approx(expected)
    assert len(found[0]) == len(expected)


@given(
    distances=st.dictionaries(
        st.tuples(st.integers(0, NAMES - 1), st.integers(0, NAMES - 1)),
        st.sampled_from([0.0, 0.25, 0.5, 1.0]),
        max_size=40,
    )
)
def test_each_pair_of_a_matrix_once(distances):
    expected = {pair: 1 - apart for pair, apart in distances.items() if pair[0] < pair[1]}
    sides = list(zip(*sorted(distances), strict=True)) or [[], []]
    values = np.array([distances[pair] for pair in sorted(distances)], np.float32)
    start = np.searchsorted(np.array(sides[0]), np.arange(NAMES + 1))
    matrix = csr_array((values, np.array(sides[1], np.int32), start), shape=(NAMES, NAMES))
    found = similar_pairs(matrix)
    assert [array.dtype for array in found] == [np.int32, np.int32, np.float64]
    assert {(int(a), int(b)): value for a, b, value in zip(*found, strict=True)} == expected
