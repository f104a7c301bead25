"""Agreement of two halves of the features, against chance, collapse and a plain loop."""

import numpy as np
import pytest
import torch

from reseen.audit import camera_mixing, feature_std
from reseen.audit.cluster_metrics import half_agreement
from reseen.geometry import unit
from reseen.records import Features, PseudoLabels


def entropy(cameras):
    shares = np.unique(cameras, return_counts=True)[1] / len(cameras)
    return -(shares * np.log(shares)).sum()


def test_clusters_of_one_camera_do_not_mix_and_random_ones_do():
    cameras = np.tile([0, 1], 40)
    assert camera_mixing(PseudoLabels(cameras), cameras).ratio == 0
    half = PseudoLabels(np.arange(80) // 40)
    assert camera_mixing(half, cameras).ratio == pytest.approx(1, abs=0.02)


def test_chance_is_what_drawing_crops_at_random_gives():
    generator = np.random.default_rng(0)
    cameras = generator.choice(3, 60, p=[0.6, 0.3, 0.1])
    labels = PseudoLabels(np.repeat(np.arange(3), [5, 15, 40]))
    drawn = []
    for _ in range(4000):
        mixed = generator.permutation(cameras)
        drawn.append(
            sum((labels.labels == c).sum() * entropy(mixed[labels.labels == c]) for c in range(3)) / 60
        )
    assert camera_mixing(labels, cameras).by_chance == pytest.approx(np.mean(drawn), abs=0.005)


def test_what_does_not_count():
    """Lone crops, noise and unknown cameras: the rest is two crops of two cameras, which is as mixed as it gets."""
    labels = PseudoLabels(np.array([0, 0, 0, 1, -1, 2]))
    cameras = np.array([0, 1, -1, 0, 1, 1])
    found = camera_mixing(labels, cameras)
    assert found.entropy == pytest.approx(np.log(2))
    assert found.ratio == 1


@pytest.mark.parametrize("cameras", [None, np.zeros(4, np.int64), np.full(4, -1)])
def test_nothing_is_said_where_there_is_nothing_to_compare(cameras):
    assert camera_mixing(PseudoLabels(np.array([0, 0, 1, 1])), cameras) is None
    assert camera_mixing(PseudoLabels(np.full(4, -1)), np.arange(4)) is None


def test_feature_std_is_one_for_spread_rows_and_zero_for_equal_rows():
    rows = torch.nn.functional.normalize(
        torch.randn(2000, 16, generator=torch.Generator().manual_seed(0)), dim=1
    )
    assert feature_std(rows) == pytest.approx(1, abs=0.01)
    assert feature_std(rows[:1].expand(50, -1)) == pytest.approx(0, abs=1e-6)
    deviations = rows.std(dim=0, correction=0)
    assert feature_std(rows) == pytest.approx(float(deviations.square().mean().sqrt() * 16**0.5), abs=1e-5)


def drawn(rows):
    return Features(unit(torch.from_numpy(np.asarray(rows, dtype=np.float32))))


def test_it_is_the_overlap_over_chance():
    generator = np.random.default_rng(0)
    features = drawn(generator.normal(size=(60, 8)))
    vectors, shared = features.numpy, []
    for row in range(60):
        near = []
        for half in (0, 1):
            part = vectors[:, half::2]
            part = part / np.linalg.norm(part, axis=1, keepdims=True)
            others = [other for other in range(60) if other != row]
            near.append(set(sorted(others, key=lambda other: -float(part[row] @ part[other]))[:10]))
        shared.append(len(near[0] & near[1]))
    chance = 10 / 59
    assert half_agreement(features) == pytest.approx((np.mean(shared) / 10 - chance) / (1 - chance), abs=1e-6)


def test_unrelated_halves_agree_as_chance_does():
    features = drawn(np.random.default_rng(0).normal(size=(600, 64)))
    assert half_agreement(features) == pytest.approx(0, abs=0.03)


def test_halves_that_both_tell_people_apart_agree():
    generator = np.random.default_rng(0)
    people = np.repeat(np.arange(50), 11)
    halves = [generator.normal(size=(50, 32))[people] + 0.2 * generator.normal(size=(550, 32)) for _ in "ab"]
    rows = np.empty((550, 64))
    rows[:, ::2], rows[:, 1::2] = halves
    assert half_agreement(drawn(rows)) > 0.9


def test_a_few_crops_have_none():
    assert half_agreement(drawn(np.eye(39))) is None
    assert half_agreement(drawn(np.ones((60, 1)))) is None
