"""Credible neighbors against brute force."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from reseen.errors import SettingsError
from reseen.geometry import unit
from reseen.neighbors import (
    CredibleSettings,
    JaccardSettings,
    constrain_neighbors,
    credible_groups,
    credible_neighbors,
    jaccard_distance,
    nearest,
)
from reseen.records import Features


def _features(seed, rows):
    return Features(unit(torch.randn(rows, 4, generator=torch.Generator().manual_seed(seed))))


def _slow(features, count, threshold, mutual):
    similarity = (features.vectors @ features.vectors.T).double().numpy()
    np.fill_diagonal(similarity, -9)
    lists = [set(np.argsort(-row, kind="stable")[:count].tolist()) for row in similarity]
    return [
        {j for j in near if similarity[i, j] >= threshold and (not mutual or i in lists[j])}
        for i, near in enumerate(lists)
    ]


@given(st.integers(0, 10_000), st.integers(6, 40), st.integers(1, 5), st.floats(-0.9, 0.9), st.booleans())
def test_they_equal_brute_force(seed, rows, count, threshold, mutual):
    features = _features(seed, rows)
    settings = CredibleSettings(count=count, threshold=threshold, mutual=mutual)
    found = credible_neighbors(features, settings)
    assert [set(row[row >= 0].tolist()) for row in found] == _slow(features, count, threshold, mutual)
    for row, near in enumerate(found):
        assert row not in near
        there = near >= 0
        assert not np.any(there[1:] & ~there[:-1])  # first those that are there


@given(st.integers(0, 1000))
def test_mutual_neighbors_are_symmetric(seed):
    found = credible_neighbors(_features(seed, 30), CredibleSettings(count=4, threshold=-1))
    pairs = {(i, j) for i, row in enumerate(found) for j in row[row >= 0].tolist()}
    assert pairs == {(j, i) for i, j in pairs}


def test_the_extremes():
    features = _features(0, 10)
    assert (credible_neighbors(features, CredibleSettings(count=4, threshold=1)) == -1).all()
    everything = credible_neighbors(features, CredibleSettings(count=9, threshold=-1))
    assert [set(row.tolist()) | {i} for i, row in enumerate(everything)] == [set(range(10))] * 10


def test_clusters_decide_in_place_of_threshold_and_mutuality():
    features, clusters = _features(3, 12), np.arange(12) % 2
    found = credible_neighbors(
        features, CredibleSettings(count=11, threshold=1, source="clusters"), clusters=clusters
    )
    for row, near in enumerate(found):
        assert set(near[near >= 0].tolist()) == set(range(row % 2, 12, 2)) - {row}


@given(st.integers(0, 1000), st.sampled_from(["neighbors", "shared", "clusters"]))
def test_rows_in_no_cluster_have_nobody_and_are_nobodys(seed, source):
    features, clusters = _features(seed, 24), np.arange(24) % 4 - 1
    settings = CredibleSettings(count=20, threshold=0.05, source=source, jaccard=JaccardSettings(k1=6, k2=2))
    found = credible_neighbors(features, settings, clusters=clusters)
    assert (found[clusters == -1] == -1).all()
    there = found >= 0
    assert there.any()
    assert (clusters[found] == clusters[:, None])[there].all()


@given(st.integers(0, 1000), st.sampled_from(["neighbors", "shared", "clusters"]), st.floats(0.05, 1))
def test_in_clusters_the_threshold_says_nothing_whatever_the_source(seed, source, threshold):
    features, clusters = _features(seed, 24), np.arange(24) % 3
    lowest, other = (
        CredibleSettings(count=8, threshold=least, source=source, jaccard=JaccardSettings(k1=6, k2=2))
        for least in (0.05, threshold)
    )
    found = credible_neighbors(features, lowest, clusters=clusters)
    assert np.array_equal(found, credible_neighbors(features, other, clusters=clusters))


@given(st.integers(0, 1000), st.integers(8, 40), st.integers(1, 6), st.floats(0.05, 0.9), st.booleans())
@example(26, 25, 4, 0.25, True)  # rows with fewer neighbors than are looked at
def test_those_that_share_most_equal_brute_force(seed, rows, count, threshold, mutual):
    features, jaccard = _features(seed, rows), JaccardSettings(k1=6, k2=2)
    settings = CredibleSettings(
        count=count, threshold=threshold, mutual=mutual, source="shared", jaccard=jaccard
    )
    distances = np.ones((rows, rows))
    near = nearest(features, jaccard.columns)
    entries = jaccard_distance(features, near, jaccard, 0.9999).tocoo()
    distances[entries.row, entries.col] = entries.data
    np.fill_diagonal(distances, 2)
    similar = 1 - distances
    lists = [
        {int(j) for j in np.argsort(-row, kind="stable")[:count] if row[j] >= threshold} for row in similar
    ]
    found = credible_neighbors(features, settings)
    for row, near in enumerate(found):
        expected = {j for j in lists[row] if not mutual or row in lists[j]}
        assert set(near[near >= 0].tolist()) == expected
        told = similar[row, near[near >= 0]]
        assert np.all(np.diff(told) <= 0)  # most first


def test_sharing_nothing_is_not_credible_at_the_lowest_threshold():
    two = Features(unit(torch.eye(2).repeat_interleave(8, dim=0) + 0.01 * torch.randn(16, 2)))
    settings = CredibleSettings(
        count=15, threshold=0.05, source="shared", jaccard=JaccardSettings(k1=4, k2=1), mutual=False
    )
    found = credible_neighbors(two, settings)
    for row, near in enumerate(found):
        assert np.all(near[near >= 0] // 8 == row // 8)


def test_fewer_images_than_neighbors_are_refused():
    with pytest.raises(
        SettingsError, match=r"8 neighbors besides the image itself need more than 8 images, got 5"
    ):
        credible_neighbors(_features(0, 5), CredibleSettings())


def test_groups_are_what_neighbors_connect():
    neighbors = np.array([[1, -1], [-1, -1], [-1, -1], [0, -1], [5, -1], [4, -1]])
    assert credible_groups(neighbors).tolist() == [0, 0, 1, 0, 2, 2]


def test_answers_keep_every_link_and_nobody_of_another_group():
    neighbors = np.array([[1, 2], [0, -1], [0, -1], [-1, -1], [-1, -1], [-1, -1]])
    groups = np.array([0, 0, 1, 0, 0, 0])
    must = np.array([[0, 1], [0, 3], [4, 0], [0, 3], [0, 5]])
    found = constrain_neighbors(neighbors, groups, must)
    sets = [{j for j in row if j >= 0} for row in found.tolist()]
    assert sets == [{1, 3, 4, 5}, {0}, set(), {0}, {0}, {0}]
    assert all(len(row) == len(set(row)) for row in ([j for j in row if j >= 0] for row in found.tolist()))
    nothing = np.empty((0, 2), dtype=np.int64)
    assert constrain_neighbors(neighbors, np.zeros(6, dtype=np.int64), nothing).tolist() == neighbors.tolist()


def test_shared_neighbors_want_a_threshold_that_leaves_pairs_out():
    with pytest.raises(ValueError, match=r"threshold of 0\.05 or more"):
        CredibleSettings(source="shared", threshold=0.0)
