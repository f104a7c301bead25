"""Camera mixing against chance, and the spread of features."""

import numpy as np
import pytest
import torch

from reseen.audit import camera_mixing, feature_std
from reseen.records import PseudoLabels


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
