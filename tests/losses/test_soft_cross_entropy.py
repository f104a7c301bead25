import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.losses import soft_cross_entropy, spread_targets, weighted_cross_entropy


def drawn(seed, batch=5, clusters=4, neighbors=6):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, clusters, (batch,), generator=generator)
    nearby = torch.randint(-1, clusters, (batch, neighbors), generator=generator)
    nearby[torch.rand(batch, generator=generator) < 0.2] = -1  # rows without a neighbor in a cluster
    logits = 4 * torch.randn(batch, clusters, generator=generator, dtype=torch.float64)
    return labels, nearby, logits, generator


def slow_targets(labels, nearby, clusters, share):
    rows = []
    for label, found in zip(labels.tolist(), nearby.tolist(), strict=True):
        known = [cluster for cluster in found if cluster >= 0]
        spread = [share * known.count(cluster) / len(known) if known else 0 for cluster in range(clusters)]
        spread[label] += 1 - share if known else 1
        rows.append(spread)
    return torch.tensor(rows)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), clusters=st.integers(1, 5), share=st.floats(0, 1))
def test_targets_equal_a_slow_loop(seed, clusters, share):
    labels, nearby, *_ = drawn(seed, clusters=clusters)
    found = spread_targets(labels, nearby, clusters, share)
    torch.testing.assert_close(found, slow_targets(labels, nearby, clusters, share))
    torch.testing.assert_close(found.sum(dim=1), torch.ones(len(labels)))


def test_targets_by_hand():
    found = spread_targets(torch.tensor([0, 1]), torch.tensor([[0, 2, 2, -1], [-1, -1, -1, -1]]), 3, 0.3)
    torch.testing.assert_close(found, torch.tensor([[0.8, 0.0, 0.2], [0.0, 1.0, 0.0]]))


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000))
def test_the_loss_equals_a_slow_loop(seed):
    labels, nearby, logits, generator = drawn(seed)
    targets = spread_targets(labels, nearby, 4, 0.4).double()
    weights = torch.rand(len(labels), generator=generator, dtype=torch.float64)
    excluded = torch.rand(len(labels), 4, generator=generator) < 0.5
    expected = 0.0
    for row in range(len(labels)):
        kept = [cluster for cluster in range(4) if targets[row, cluster] > 0 or not excluded[row, cluster]]
        total = sum(math.exp(float(logits[row, cluster])) for cluster in kept)
        for cluster in kept:
            log_share = float(logits[row, cluster]) - math.log(total)
            expected -= float(weights[row]) * float(targets[row, cluster]) * log_share
    found = soft_cross_entropy(logits, targets, weights, excluded)
    assert math.isclose(float(found), expected / len(labels), rel_tol=1e-9, abs_tol=1e-12)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_hard_targets_give_the_cross_entropy_of_labels(seed):
    labels, _, logits, generator = drawn(seed)
    targets = torch.nn.functional.one_hot(labels, 4).double()
    weights = torch.rand(len(labels), generator=generator, dtype=torch.float64)
    excluded = (torch.rand(len(labels), 4, generator=generator) < 0.5) & (targets == 0)
    for options in ((None, None), (weights, None), (None, excluded), (weights, excluded)):
        wanted = weighted_cross_entropy(logits, labels, *options)
        torch.testing.assert_close(soft_cross_entropy(logits, targets, *options), wanted)


def test_gradients_are_finite_where_clusters_are_excluded():
    labels, nearby, logits, _ = drawn(3)
    logits.requires_grad_()
    excluded = torch.ones(len(labels), 4, dtype=torch.bool)
    targets = spread_targets(labels, nearby, 4, 0.4).double()
    assert torch.autograd.gradcheck(lambda rows: soft_cross_entropy(rows, targets, None, excluded), logits)
