from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseen.audit import clustering_agreement
from reseen.records import PseudoLabels, contiguous


def slow(first, second):
    """Adjusted Rand index by looking at every pair; noise is with nobody."""

    def together(labels, a, b):
        return labels[a] == labels[b] and labels[a] >= 0

    pairs = list(combinations(range(len(first)), 2))
    both = sum(together(first, *pair) and together(second, *pair) for pair in pairs)
    one, other = (sum(together(labels, *pair) for pair in pairs) for labels in (first, second))
    expected = one * other / comb(len(first), 2)
    most = (one + other) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)


@given(st.integers(0, 10**6), st.integers(2, 25))
def test_it_agrees_with_counting_pairs(seed, n):
    generator = np.random.default_rng(seed)
    first, second = (contiguous(generator.integers(-1, 4, n)) for _ in range(2))
    assert clustering_agreement(first, second) == pytest.approx(slow(first.labels, second.labels))


def test_the_same_clusters_under_other_numbers_agree():
    first, second = (PseudoLabels(np.array(labels)) for labels in ([0, 0, 1, 1, -1], [1, 1, 0, 0, -1]))
    assert clustering_agreement(first, second) == 1


def test_leaving_crops_out_is_no_agreement():
    whole, cut = (PseudoLabels(np.array(labels)) for labels in ([0, 0, 0, 1, 1, 1], [0, 0, -1, 1, 1, -1]))
    assert clustering_agreement(whole, cut) < 0.7


def test_clusterings_of_other_crops_are_refused():
    with pytest.raises(ValueError, match="got 2 and 3"):
        clustering_agreement(PseudoLabels(np.zeros(2, np.int64)), PseudoLabels(np.zeros(3, np.int64)))
