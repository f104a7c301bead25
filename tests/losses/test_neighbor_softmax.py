"""The neighbor contrast, against a loop over rows."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.geometry import unit
from reseen.losses import neighbor_contrast


def drawn(seed, batch=6, images=15, neighbors=4):
    generator = torch.Generator().manual_seed(seed)
    features = unit(torch.randn(batch, 8, generator=generator)).requires_grad_()
    memory = unit(torch.randn(images, 8, generator=generator))
    order = torch.rand(batch, images, generator=generator).argsort(dim=1)[:, :neighbors]
    padded = torch.rand(batch, neighbors, generator=generator) < 0.4
    excluded = torch.rand(batch, images, generator=generator) < 0.3
    return features, memory, order.masked_fill(padded, -1), excluded


def by_loop(features, memory, neighbors, excluded, temperature):
    losses = []
    for row in range(len(features)):
        positives = [int(one) for one in neighbors[row] if one >= 0]
        others = [j for j in range(len(memory)) if j in positives or not excluded[row, j]]
        similarity = (features[row] @ memory.T / temperature).double().detach().numpy()
        total = np.log(np.exp(similarity[others]).sum()) if others else 0.0
        losses.append(np.mean([total - similarity[p] for p in positives]) if positives else 0.0)
    return float(np.mean(losses))


@settings(max_examples=50)
@given(seed=st.integers(0, 10_000), temperature=st.sampled_from([0.05, 0.2, 1.0]))
def test_it_is_the_loop_over_rows(seed, temperature):
    features, memory, neighbors, excluded = drawn(seed)
    found = neighbor_contrast(features, memory, neighbors, excluded, temperature)
    expected = by_loop(features, memory, neighbors, excluded, temperature)
    np.testing.assert_allclose(float(found.detach()), expected, rtol=1e-4, atol=1e-5)


def test_rows_without_a_neighbor_count_as_zero_even_if_all_else_is_excluded():
    features, memory, neighbors, excluded = drawn(0)
    neighbors[:], excluded[:] = -1, True
    loss = neighbor_contrast(features, memory, neighbors, excluded)
    loss.backward()
    assert float(loss.detach()) == 0
    assert torch.isfinite(features.grad).all()


def test_a_neighbor_is_never_excluded():
    features, memory, neighbors, _ = drawn(1)
    neighbors[:, 1:], neighbors[:, 0] = -1, 3
    everything = torch.ones(len(features), len(memory), dtype=torch.bool)
    assert abs(float(neighbor_contrast(features, memory, neighbors, everything).detach())) < 1e-5


def test_gradients_are_those_of_finite_differences_and_reach_no_memory():
    features, memory, neighbors, excluded = (
        one.double() if one.is_floating_point() else one for one in drawn(2)
    )
    features = features.detach().requires_grad_()
    memory.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda rows: neighbor_contrast(rows, memory, neighbors, excluded, 0.5), (features,)
    )
    neighbor_contrast(features, memory, neighbors, excluded).backward()
    assert memory.grad is None
