"""Linkage over shared neighbors, against the dense engine and against slow loops from the definitions."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.cluster.hierarchy.test_dense import REGULARIZERS, WEIGHT, mixture, partition_of

from reseen.cluster.hierarchy import HierarchySettings, grow_hierarchy
from reseen.cluster.hierarchy.candidates import DECIMALS
from reseen.cluster.hierarchy.shared_neighbors import SharedPairs
from reseen.neighbors import JaccardSettings, jaccard_distance, nearest
from reseen.records import Features

JACCARD = JaccardSettings(k1=8, k2=3)
GROUPS = [[0, 4, 7], [1], [2, 3, 11, 12], [5, 6, 8, 10], [9], [13, 14, 15, 16, 17, 18, 19]]


def shared(**case):
    return HierarchySettings(metric="jaccard", jaccard=JACCARD, **case)


def unit_rows(count, **kind):
    rows = mixture(count, **kind)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("linkage", ["average", "single"])
def test_costs_are_those_of_the_distances_of_all_pairs(linkage):
    rows = unit_rows(20, people=3, dimension=4)
    features = Features(torch.from_numpy(rows))
    sparse = jaccard_distance(features, nearest(features, JACCARD.columns), JACCARD, 0.9999).tocoo()
    distance = np.ones((20, 20))
    distance[sparse.row, sparse.col] = sparse.data
    fold = np.mean if linkage == "average" else np.min
    expected = {
        (a[0], b[0]): fold([distance[i, j] for i in a for j in b])
        for a, b in itertools.combinations(GROUPS, 2)
    }
    pairs = SharedPairs(rows, partition_of(GROUPS, 20), shared(linkage=linkage, regularizer="none"))
    found = {(int(a), int(b)): cost for a, b, cost in zip(*pairs.cheapest(1000), strict=True)}
    assert found
    assert found == pytest.approx({pair: cost for pair, cost in expected.items() if cost < 1}, abs=1e-6)


@given(wanted=st.integers(1, 80), seed=st.integers(0, 99), copies=st.booleans())
@settings(max_examples=30)
def test_the_cheapest_are_the_first_of_all(wanted, seed, copies):
    rows = unit_rows(40, people=3, dimension=4, seed=seed)
    if copies:  # equal costs
        rows[20:] = rows[:20]
    pairs = SharedPairs(rows, np.arange(40), shared(linkage="average", regularizer="none"))
    everything, some = pairs.cheapest(40 * 40), pairs.cheapest(wanted)
    assert len(some[0]) >= min(wanted, len(everything[0]))
    for all_of_it, part in zip(everything, some, strict=True):
        assert np.array_equal(all_of_it[: len(part)], part)
    assert len(everything[0]) == len(part) or np.round(everything[2][len(part)], DECIMALS) > np.round(
        part[-1], DECIMALS
    )


@pytest.mark.parametrize("merge", ["chain", "absorb", "match"])
@pytest.mark.parametrize("regularizer", REGULARIZERS)
@pytest.mark.parametrize("linkage", ["average", "single"])
def test_the_dense_engine_gives_the_same_merges(linkage, regularizer, merge):
    rows = mixture(150)
    case = {"linkage": linkage, "regularizer": regularizer, "merge": merge, "weight": WEIGHT, "share": 0.12}
    dense = grow_hierarchy(rows, shared(**case, steps=7, engine="dense"))
    found = grow_hierarchy(rows, shared(**case, steps=7))
    assert len(found.cost)
    assert np.array_equal(dense.first, found.first)
    assert np.array_equal(dense.second, found.second)
    assert np.allclose(dense.cost, found.cost, atol=1e-6)


@given(
    seed=st.integers(0, 999),
    share=st.sampled_from([0.05, 0.3]),
    linkage=st.sampled_from(["average", "single"]),
)
@settings(max_examples=20)
def test_the_order_of_rows_makes_no_difference(seed, share, linkage):
    rows = mixture(60, 4, 6, seed=seed)
    order = np.random.default_rng(seed).permutation(60)
    chosen = shared(linkage=linkage, share=share, regularizer="none", merge="chain")
    before, after = (grow_hierarchy(some, chosen).labels.labels for some in (rows, rows[order]))
    ties = grow_hierarchy(rows, chosen).cost
    if len(np.unique(np.round(ties, 6))) == len(ties):  # equal costs merge in row order
        together = before[order][:, None] == before[order][None, :]
        assert np.array_equal(together, after[:, None] == after[None, :])


def test_what_shares_no_neighbor_never_merges():
    generator = np.random.default_rng(0)
    far = np.concatenate([np.eye(8)[np.full(20, axis)] for axis in (0, 3)])
    rows = (far + 0.1 * generator.normal(size=far.shape)).astype(np.float32)
    labels = grow_hierarchy(rows, shared(stop="clusters", regularizer="none")).labels
    assert labels.cluster_count == 2
    assert len(set(labels.labels[:20])) == len(set(labels.labels[20:])) == 1


def test_what_shared_neighbors_cannot_do_is_refused():
    for case in ({"linkage": "centroid"}, {"linkage": "energy"}, {"feature": "raw"}):
        with pytest.raises(ValidationError, match="metric jaccard needs feature sphere"):
            shared(**case)
