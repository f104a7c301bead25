import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.losses import inter_camera_contrast


def unit(values):
    return torch.nn.functional.normalize(values, dim=1)


def slow(features, labels, cameras, proxies, proxy_labels, proxy_cameras, hardest, temperature):
    """Written from the formula, one row and one positive after another."""
    total = 0.0
    for feature, label, camera in zip(features, labels.tolist(), cameras.tolist(), strict=True):
        scores = [math.exp(float(feature @ proxy) / temperature) for proxy in proxies]
        places = range(len(scores))
        positives = [
            scores[p]
            for p in places
            if camera >= 0 and proxy_labels[p] == label and proxy_cameras[p] != camera
        ]
        negatives = sorted((scores[p] for p in places if proxy_labels[p] != label), reverse=True)[:hardest]
        terms = [-math.log(score / (score + sum(negatives))) for score in positives]
        total += sum(terms) / len(terms) if terms else 0.0
    return total / len(labels)


def drawn(seed, batch, clusters, cameras):
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.cartesian_prod(torch.arange(clusters), torch.arange(cameras)).reshape(-1, 2)
    kept = pairs[torch.rand(len(pairs), generator=generator) < 0.7]
    features = unit(torch.randn(batch, 4, generator=generator, dtype=torch.float64))
    proxies = unit(torch.randn(len(kept), 4, generator=generator, dtype=torch.float64))
    labels = torch.randint(0, clusters, (batch,), generator=generator)
    of_batch = torch.randint(-1, cameras, (batch,), generator=generator)
    return features, labels, of_batch, proxies, kept[:, 0], kept[:, 1]


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    batch=st.integers(1, 6),
    clusters=st.integers(1, 5),
    cameras=st.integers(1, 4),
    hardest=st.integers(1, 8),
)
def test_equals_a_slow_loop(seed, batch, clusters, cameras, hardest):
    given_ = drawn(seed, batch, clusters, cameras)
    found = inter_camera_contrast(*given_, hardest=hardest, temperature=0.2)
    assert math.isclose(float(found), slow(*given_, hardest, 0.2), rel_tol=1e-9, abs_tol=1e-12)


def test_gradients_are_finite_and_reach_features_alone():
    features, labels, cameras, proxies, *of_proxies = drawn(3, 6, 4, 3)
    features.requires_grad_()
    proxies.requires_grad_()
    inter_camera_contrast(features, labels, cameras, proxies, *of_proxies).backward()
    assert proxies.grad is None
    assert bool(torch.isfinite(features.grad).all())
    assert bool(features.grad.any())
    assert not features.grad[cameras < 0].any()
    assert torch.autograd.gradcheck(
        lambda rows: inter_camera_contrast(
            rows, labels, cameras, proxies.detach(), *of_proxies, hardest=3, temperature=0.5
        ),
        features,
    )


def test_rows_without_another_camera_or_another_cluster_learn_nothing():
    features = unit(torch.randn(2, 4)).requires_grad_()
    labels, cameras = torch.tensor([0, 1]), torch.tensor([0, 0])
    alone = unit(torch.randn(2, 4)), torch.tensor([0, 1]), torch.tensor([0, 0])  # each cluster has one camera
    loss = inter_camera_contrast(features, labels, cameras, *alone)
    one = unit(torch.randn(2, 4)), torch.tensor([0, 0]), torch.tensor([0, 1])  # there is one cluster
    loss = loss + inter_camera_contrast(features, labels * 0, cameras, *one)
    loss.backward()
    assert float(loss.detach()) == 0
    assert not features.grad.any()


def test_fifty_negatives_are_contrasted_with():
    generator = torch.Generator().manual_seed(0)
    features, proxies = (unit(torch.randn(count, 8, generator=generator)) for count in (3, 80))
    labels, cameras = torch.tensor([0, 1, 2]), torch.tensor([0, 0, 0])
    given_ = features, labels, cameras, proxies, torch.arange(80), torch.ones(80, dtype=torch.int64)
    mild = inter_camera_contrast(*given_, temperature=1.0)
    assert torch.equal(mild, inter_camera_contrast(*given_, hardest=50, temperature=1.0))
    assert not torch.equal(mild, inter_camera_contrast(*given_, hardest=51, temperature=1.0))
    assert torch.equal(inter_camera_contrast(*given_), inter_camera_contrast(*given_, temperature=0.07))
