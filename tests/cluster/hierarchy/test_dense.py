"""The engine that searches and the dense one, against each other and against slow loops from the definitions."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.cluster.hierarchy import HierarchySettings, grow_hierarchy
from reseen.cluster.hierarchy.cost import MergeCost
from reseen.cluster.hierarchy.dense import DensePairs
from reseen.cluster.hierarchy.partition import Partition

LINKAGES = ("average", "centroid", "energy", "single")
METRICS = ("sqeuclidean", "euclidean", "cosine")
REGULARIZERS = ("none", "size", "dispersion", "sse", "sse_union", "ward")
WEIGHT = 0.03


def mixture(rows, people=8, dimension=12, spread=0.6, seed=0, raw=False):
    generator = np.random.default_rng(seed)
    centers = generator.normal(size=(people, dimension))
    vectors = centers[generator.integers(people, size=rows)] + spread * generator.normal(
        size=(rows, dimension)
    )
    if raw:
        vectors *= generator.uniform(0.5, 2, (rows, 1))
    return vectors.astype(np.float32)


def _cases():
    for feature, linkage, metric, regularizer in itertools.product(
        ("sphere", "raw"), LINKAGES, METRICS, REGULARIZERS
    ):
        if not (feature == "raw" and metric == "cosine"):
            yield {"feature": feature, "linkage": linkage, "metric": metric, "regularizer": regularizer}
    yield {"linkage": "none", "regularizer": "ward"}
    yield {"linkage": "none", "regularizer": "sse_union"}


CASES = list(_cases())


def name(case):
    return "-".join(case.values())


def slow_costs(rows, groups, case, weight):
    """Costs of all pairs of groups (lists of row numbers), from the definitions, in plain loops."""
    metric, linkage, regularizer = case.get("metric", "sqeuclidean"), case["linkage"], case["regularizer"]

    def distance(x, y):
        if metric == "cosine":
            return 1 - x @ y / np.sqrt(x @ x) / np.sqrt(y @ y)
        squared = (x - y) @ (x - y)
        return squared if metric == "sqeuclidean" else np.sqrt(squared)

    def mean_distance(a, b):
        return np.mean([distance(rows[i], rows[j]) for i in a for j in b])

    def error(a):
        center = np.mean(rows[a], axis=0)
        return sum((rows[i] - center) @ (rows[i] - center) for i in a)

    def dispersion(a):
        return np.mean([(rows[i] - rows[j]) @ (rows[i] - rows[j]) for i in a for j in a])

    costs = {}
    for a, b in itertools.combinations(groups, 2):
        link = {
            "average": lambda a=a, b=b: mean_distance(a, b),
            "single": lambda a=a, b=b: min(distance(rows[i], rows[j]) for i in a for j in b),
            "centroid": lambda a=a, b=b: distance(np.mean(rows[a], axis=0), np.mean(rows[b], axis=0)),
            "energy": lambda a=a, b=b: 2 * mean_distance(a, b) - mean_distance(a, a) - mean_distance(b, b),
            "none": lambda: 0.0,
        }[linkage]()
        extra = {
            "none": lambda: 0.0,
            "size": lambda a=a, b=b: len(a) + len(b),
            "dispersion": lambda a=a, b=b: dispersion(a) + dispersion(b),
            "sse": lambda a=a, b=b: error(a) + error(b),
            "sse_union": lambda a=a, b=b: error(a + b),
            "ward": lambda a=a, b=b: error(a + b) - error(a) - error(b),
        }[regularizer]()
        costs[a[0], b[0]] = link + weight * extra
    return costs


def partition_of(groups, count):
    owner = np.empty(count, np.int64)
    for group in groups:
        owner[group] = group[0]
    return owner


@pytest.mark.parametrize("case", CASES, ids=name)
def test_both_engines_cost_what_the_definitions_say(case):
    rows = mixture(11, people=3, dimension=4, raw=case.get("feature") == "raw").astype(np.float64)
    if case.get("feature") != "raw":
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows.astype(np.float32).astype(np.float64)
    groups = [[0, 4, 7], [1], [2, 3], [5, 6, 8, 10], [9]]
    expected = slow_costs(rows, groups, case, WEIGHT)
    start = partition_of(groups, len(rows))
    chosen = HierarchySettings(**case, weight=WEIGHT)
    first, second, cost = DensePairs(rows.astype(np.float32), start, chosen).cheapest(1)
    assert {(int(a), int(b)) for a, b in zip(first, second, strict=True)} == set(expected)
    for a, b, found in zip(first, second, cost, strict=True):
        assert found == pytest.approx(expected[a, b], abs=2e-7)  # rows of float32 are unit to 1e-7 only
    if not chosen.needs_all_pairs and chosen.linkage != "single":
        partition = Partition.starting_with(rows.astype(np.float32), start)
        again = MergeCost(chosen).of_pairs(partition, first, second)
        assert np.allclose(again, cost, atol=2e-7)


@pytest.mark.parametrize("merge", ["chain", "absorb", "match"])
@pytest.mark.parametrize("case", CASES, ids=name)
def test_the_engines_give_the_same_labels_after_every_step(case, merge):
    rows = mixture(150, raw=case.get("feature") == "raw")
    common = {**case, "merge": merge, "weight": WEIGHT, "share": 0.12, "steps": 7}
    dense = grow_hierarchy(rows, HierarchySettings(**common, engine="dense"))
    found = grow_hierarchy(rows, HierarchySettings(**common))
    assert np.array_equal(dense.first, found.first)
    assert np.array_equal(dense.second, found.second)
    assert np.allclose(dense.cost, found.cost, atol=1e-6)
    assert np.array_equal(dense.labels.labels, found.labels.labels)


@given(
    rows=st.integers(2, 60),
    people=st.integers(1, 6),
    seed=st.integers(0, 999),
    share=st.sampled_from([None, 0.05, 0.3, 1.0]),
    merge=st.sampled_from(["chain", "absorb", "match"]),
    weight=st.sampled_from([0.0, 0.005, 0.5]),
    copies=st.booleans(),
    linkage=st.sampled_from(LINKAGES),
)
@settings(max_examples=100)
def test_the_engines_agree_down_to_one_cluster(rows, people, seed, share, merge, weight, copies, linkage):
    vectors = mixture(rows, people, 5, seed=seed)
    if copies:
        vectors = np.repeat(vectors, 2, axis=0)
    common = {"merge": merge, "weight": weight, "share": share, "stop": "clusters", "linkage": linkage}
    dense = grow_hierarchy(vectors, HierarchySettings(**common, engine="dense"))
    found = grow_hierarchy(vectors, HierarchySettings(**common))
    assert np.array_equal(dense.first, found.first)
    assert np.array_equal(dense.second, found.second)
    assert found.labels.cluster_count == 1
