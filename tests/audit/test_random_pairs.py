"""Similarities of random pairs, against counting all pairs."""

from itertools import combinations

import numpy as np
import pytest

from reseen.audit import random_pair_rarity
from reseen.audit.random_pairs import frame_similarities
from reseen.data.table import ImageTable


def table(count, tmp_path, **columns):
    paths = tuple(f"{row:04d}.jpg" for row in range(count))
    return ImageTable(tmp_path, paths, np.zeros(count, np.int64), ("c1",), **columns)


def test_shares_are_those_of_counting(people, tmp_path):
    features, _ = people(people=30, each=6)
    rows = features.numpy
    similarity = np.array([rows[i] @ rows[j] for i, j in combinations(range(len(rows)), 2)])
    found = random_pair_rarity(features, table(len(rows), tmp_path))
    assert [round(rarity.share, 2) for rarity in found[:1]] == [0.01]
    assert len(found) == 3
    for rarity in found:
        assert rarity.share == pytest.approx((similarity >= rarity.similarity).mean(), rel=0.05)
        assert rarity.interval[0] <= rarity.share <= rarity.interval[1]
        assert rarity.frame_share is None


def test_small_shares_need_many_pairs(people, tmp_path):
    features, _ = people(people=3, each=5)
    assert len(random_pair_rarity(features, table(15, tmp_path))) == 1


def test_intervals_hold_the_share_of_a_large_pool(people, tmp_path):
    """Each crop shows another person, as the interval assumes."""
    large, _ = people(people=1500, each=1, seed=99)
    rows = large.numpy
    similarity = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
    held = 0
    for seed in range(40):
        features, _ = people(people=200, each=1, seed=seed)
        rarity = random_pair_rarity(features, table(200, tmp_path))[0]
        truth = (similarity >= rarity.similarity).mean()
        held += rarity.interval[0] <= truth <= rarity.interval[1]
    assert held >= 32


def test_pairs_of_one_frame_are_of_one_camera_and_time_and_of_two_tracklets(people, tmp_path):
    features, _ = people(people=4, each=2)
    times = np.array([0.0, 0.0, 0.0, 1.0, 1.0, np.nan, np.nan, 2.0])
    tracklets = np.array([0, 0, 1, 2, 3, 4, 5, 6])
    rows = features.numpy
    found = frame_similarities(
        features, table(8, tmp_path, times=times, tracklets=tracklets), np.random.default_rng(0)
    )
    expected = {round(float(rows[i] @ rows[j]), 4) for i, j in ((0, 2), (1, 2), (3, 4))}
    assert {round(value, 4) for value in found.tolist()} == expected
    assert frame_similarities(features, table(8, tmp_path), np.random.default_rng(0)) is None
    alone = table(8, tmp_path, times=np.arange(8.0))
    assert frame_similarities(features, alone, np.random.default_rng(0)) is None
