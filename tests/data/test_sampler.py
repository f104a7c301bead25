from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.data.sampler import PkSampler, SamplerSettings
from reseen.records import PseudoLabels


def sampler(labels, p, k, cameras=None, seed=0):
    return PkSampler(
        PseudoLabels(np.array(labels)),
        SamplerSettings(clusters_per_batch=p, images_per_cluster=k),
        torch.Generator().manual_seed(seed),
        None if cameras is None else np.array(cameras),
    )


@settings(max_examples=40)
@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=8), noise=st.integers(0, 5), p=st.integers(2, 5),
       k=st.integers(1, 6), seed=st.integers(0, 99), with_cameras=st.booleans())  # fmt: skip
def test_invariants(sizes, noise, p, k, seed, with_cameras):
    rng = np.random.default_rng(seed)
    labels = np.array([c for c, size in enumerate(sizes) for _ in range(size)] + [-1] * noise)
    rng.shuffle(labels)
    cameras = rng.integers(-1, 3, len(labels)) if with_cameras else None
    for rows in sampler(labels, p, k, cameras, seed).batches(5):
        assert len(rows) == p * k
        groups = labels[rows.numpy()].reshape(p, k)
        assert (groups >= 0).all()  # never noise
        assert (groups == groups[:, :1]).all()  # K consecutive rows share a label
        if len(sizes) >= p:
            assert len(set(groups[:, 0])) == p  # P different clusters
        for group, cluster in zip(rows.reshape(p, k).tolist(), groups[:, 0], strict=True):
            counts = Counter(group)
            assert max(counts.values()) - (min(counts.values()) if len(counts) == sizes[cluster] else 0) <= 1
            assert len(counts) == min(k, sizes[cluster])  # all images before one is repeated


def test_every_cluster_comes_before_any_comes_again():
    drawn = sampler([c for c in range(8) for _ in range(2)], p=4, k=2)
    labels = np.repeat(np.arange(8), 2)
    for _ in range(5):
        seen = [c for _ in range(2) for c in labels[drawn.batch().numpy()][::2]]
        assert sorted(seen) == list(range(8))


def test_fewer_clusters_than_p_keep_the_batch_size():
    rows = sampler([0, 0, 1, 1], p=6, k=2).batch().numpy()
    assert Counter(np.array([0, 0, 1, 1])[rows]) == {0: 6, 1: 6}


def test_cameras_are_gone_round():
    cameras = [0] * 10 + [1, 2]
    for rows in sampler([0] * 12, p=2, k=3, cameras=cameras).batches(10):
        for group in rows.reshape(2, 3).tolist():
            assert sorted(cameras[row] for row in group) == [0, 1, 2]


def test_one_camera_is_drawn_as_without_cameras():
    with_cameras = sampler([0] * 6 + [1] * 6, 2, 4, [0] * 12, seed=3).batch()
    assert torch.equal(with_cameras, sampler([0] * 6 + [1] * 6, 2, 4, None, seed=3).batch())


def test_same_seed_same_batches():
    first, second = (sampler([0, 0, 1, 1, 2, 2], 2, 2, seed=5) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.batches(4), second.batches(4), strict=True))


def test_only_noise_is_refused():
    with pytest.raises(ValueError, match="found only noise"):
        sampler([-1, -1], 2, 2)
