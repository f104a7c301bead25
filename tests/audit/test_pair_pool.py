"""The most similar pairs, counted in cells, against a loop over all pairs."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.audit import pair_pool, plan_pool, with_clusters
from reseen.errors import DataError
from reseen.records import Features, PseudoLabels


def all_pairs(features, labels):
    """Similarity, and whether the pair is in one cluster, of every pair; most similar first."""
    rows, cluster = features.numpy, labels.labels
    pairs = [
        (float(rows[i] @ rows[j]), bool(cluster[i] == cluster[j] and cluster[i] >= 0))
        for i, j in combinations(range(len(rows)), 2)
    ]
    return sorted(pairs, key=lambda pair: -pair[0])


def test_it_holds_the_ten_most_similar_pairs_per_crop_in_their_cells(people):
    features, labels = people(people=12, each=10)
    pool = plan_pool(features, labels)
    expected = all_pairs(features, labels)[: 10 * len(features)]
    assert np.sort(pool.similarity)[::-1] == pytest.approx(
        [similarity for similarity, _ in expected], abs=1e-5
    )
    assert pool.together.sum() == sum(together for _, together in expected)
    assert pool.pairs.sum() == len(expected)
    assert pool.pairs[1].sum() == pool.together.sum()
    assert (pool.first < pool.second).all()
    for index in range(0, len(expected), 17):
        low = np.searchsorted(pool.edges, pool.similarity[index], side="right") - 1
        cell = int(pool.cell(pool.similarity[[index]], pool.together[[index]])[0])
        assert cell == low + len(pool.edges) * int(pool.together[index])


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(2, 60), st.integers(1, 4))
def test_every_range_holds_a_pair_and_ends_ascend(seed, count, dimension):
    """Few dimensions give equal similarities."""
    generator = np.random.default_rng(seed)
    rows = np.sign(generator.normal(size=(count, dimension))) / np.sqrt(dimension)
    labels = PseudoLabels(np.full(count, -1))
    pool = plan_pool(Features(torch.from_numpy(rows.astype(np.float32))), labels)
    assert (np.diff(pool.edges) > 0).all()
    assert (pool.pairs.sum(axis=0) > 0).all()
    assert pool.pairs.sum() == min(10 * count, count * (count - 1) // 2)
    assert (pool.cell(pool.similarity, pool.together) >= 0).all()
    assert pool.cell(np.array([pool.lowest - 0.01]), np.array([False]))[0] == -1


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(2, 90), st.booleans(), st.integers(1, 40))
def test_one_pass_keeps_the_pairs_that_sorting_all_of_them_gives(seed, count, sampled, block):
    """Products of plus and minus 1/4 are exact, so that ties are ties: of equal pairs, the first ones are kept."""
    generator = np.random.default_rng(seed)
    rows = generator.choice(np.float32([-0.25, 0.25]), size=(count, 16))
    anchors = np.sort(generator.permutation(count)[: max(1, count // 2)]) if sampled else np.arange(count)
    kept = int(generator.integers(1, 3 * count))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_pool, "_BLOCK", block)
        pairs = pair_pool._most_similar(rows, anchors, kept)
    every = [
        (int(one), other)
        for one in anchors
        for other in range(count)
        if (one != other if sampled and len(anchors) < count else one < other)
    ]
    expected = sorted(every, key=lambda pair: -float(rows[pair[0]] @ rows[pair[1]]))[:kept]
    assert list(zip(pairs.one.tolist(), pairs.other.tolist(), strict=True)) == expected
    assert pairs.similarity.tolist() == [float(rows[one] @ rows[other]) for one, other in expected]


def test_counts_are_estimated_where_not_all_rows_are_looked_at(people, monkeypatch):
    features, labels = people(people=30, each=20)
    whole = plan_pool(features, labels)
    monkeypatch.setattr(pair_pool, "MAX_CELLS", 300 * len(features))
    part = plan_pool(features, labels)
    assert part.pairs.sum() == pytest.approx(whole.pairs.sum(), rel=0.02)
    assert part.pairs[1].sum() == pytest.approx(whole.pairs[1].sum(), rel=0.1)
    assert part.lowest == pytest.approx(whole.lowest, abs=0.05)


def test_one_crop_makes_no_pair(people):
    features, labels = people(people=1, each=1)
    with pytest.raises(DataError, match="at least 2 crops, found 1"):
        plan_pool(features, labels)


def test_other_clusters_are_counted_as_if_planned_with_them(people):
    features, labels = people(people=8, each=6)
    nobody = PseudoLabels(np.full(len(features), -1))
    again = with_clusters(plan_pool(features, nobody), labels)
    planned = plan_pool(features, labels)
    assert again.pairs.tolist() == planned.pairs.tolist()
    assert again.together.tolist() == planned.together.tolist()
    assert again.edges.tolist() == planned.edges.tolist()
