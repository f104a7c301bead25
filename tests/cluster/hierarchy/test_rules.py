"""Which pairs of clusters merge in a step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import DisjointSet

from reseen.cluster.hierarchy.rules import Groups, MergePriority, select_merges

pairs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] != pair[1]))


@given(pairs)
def test_groups_are_those_of_scipy_named_by_their_smallest(drawn):
    groups, others = Groups(10), DisjointSet(range(10))
    for one, other in drawn:
        assert groups.join(one, other) == others.merge(one, other)
    smallest = [min(others.subset(name)) for name in range(10)]
    assert [groups.find(name) for name in range(10)] == smallest
    assert groups.targets().tolist() == smallest


@given(pairs, st.integers(0, 12))
def test_a_chain_takes_what_joins_two_groups(drawn, most):
    groups, wanted = DisjointSet(range(10)), []
    for place, (one, other) in enumerate(drawn):
        if len(wanted) < most and groups.merge(one, other):
            wanted.append(place)
    first, second = np.array(drawn, np.int64).reshape(-1, 2).T
    assert select_merges(first, second, most, "chain", np.arange(10)).tolist() == wanted


def test_the_larger_then_the_more_central_cluster_absorbs():
    rows = np.array([[1, 0.0], [1, 0.5], [0, 1], [1, 0.4]], np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    standing = MergePriority(rows, np.array([0, 0, 2, 3]))
    assert standing.ranks[0] > standing.ranks[3] > standing.ranks[2]
    standing.merge(np.array([0, 1, 2, 2]))
    assert standing.ranks[2] < standing.ranks[0]  # as large now, but row 1 is the most central of all


@pytest.mark.parametrize(
    ("rule", "wanted", "places"),
    [
        ("chain", 9, [0, 1, 3, 4]),
        ("chain", 2, [0, 1]),
        ("match", 9, [0, 3, 4]),
        ("absorb", 9, [0, 1, 4]),
    ],
)
def test_which_pairs_a_rule_takes(rule, wanted, places):
    # 1 takes in 0 and 2; then 0-2 are joined, 2-3 has the absorbed 2, and 4-5 are free.
    first, second = np.array([0, 1, 0, 2, 4]), np.array([1, 2, 2, 3, 5])
    standing = np.array([1, 9, 2, 3, 4, 5])
    assert select_merges(first, second, wanted, rule, standing).tolist() == places
