import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.cluster.hierarchy import HierarchySettings, grow_hierarchy
from reseen.cluster.hierarchy.tree import is_reducible

AVERAGE = {"linkage": "average", "regularizer": "none"}
WARD = {"linkage": "none", "regularizer": "ward", "weight": 0.5}
WHOLE = {"share": None, "stop": "clusters", "clusters": 1}


def mixture(rows, people, seed, copies=1):
    generator = np.random.default_rng(seed)
    centers = generator.normal(size=(people, 6))
    vectors = centers[generator.integers(people, size=rows)] + 0.5 * generator.normal(size=(rows, 6))
    return np.repeat(vectors, copies, axis=0).astype(np.float32)


@given(
    rows=st.integers(2, 70),
    people=st.integers(1, 6),
    seed=st.integers(0, 999),
    case=st.sampled_from([AVERAGE, WARD, {**AVERAGE, "metric": "cosine"}, {**WARD, "feature": "raw"}]),
    copies=st.sampled_from([1, 3]),
)
@settings(max_examples=60)
def test_merging_in_rounds_is_merging_one_by_one(rows, people, seed, case, copies):
    vectors = mixture(rows, people, seed, copies)
    slow = grow_hierarchy(vectors, HierarchySettings(**case, **WHOLE, engine="dense"))
    fast = grow_hierarchy(vectors, HierarchySettings(**case, **WHOLE))
    assert np.allclose(np.sort(slow.cost), fast.cost, atol=1e-6)
    gaps = np.flatnonzero(np.diff(fast.cost) > 1e-6) + 1  # where equal costs do not leave the order open
    for merges in [*gaps.tolist()[::5], len(fast.cost)]:
        one, other = slow.labels_after(merges), fast.labels_after(merges)
        assert np.array_equal(one.labels, other.labels)


@pytest.mark.parametrize(
    "stop",
    [
        {"stop": "steps", "steps": 17},
        {"stop": "clusters", "clusters": 9},
        {"stop": "distance", "distance": 0.3},
    ],
)
def test_a_tree_is_cut_where_one_by_one_would_stop(stop):
    vectors = mixture(60, 6, 0)
    slow, fast = (
        grow_hierarchy(vectors, HierarchySettings(**AVERAGE, share=None, **stop, engine=engine))
        for engine in ("dense", "auto")
    )
    assert np.array_equal(slow.labels.labels, fast.labels.labels)
    assert np.array_equal(slow.step, fast.step)
    assert len(fast.first) < 59


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (AVERAGE, True),
        (WARD, True),
        ({"linkage": "average", "regularizer": "sse", "weight": 0.0}, True),
        ({"linkage": "average", "regularizer": "sse"}, False),
        ({"linkage": "centroid", "regularizer": "none"}, False),
        ({"linkage": "average", "metric": "euclidean", "regularizer": "none"}, False),
    ],
)
def test_only_reducible_costs_take_the_short_way(case, expected):
    assert is_reducible(HierarchySettings(**case)) is expected
