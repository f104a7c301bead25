import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.memory import CentroidMemory, CentroidSettings


def on_circle(*degrees):
    angles = torch.tensor([math.radians(d) for d in degrees])
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def sequential(vectors, features, labels, momentum, update):
    """The published loop, sample by sample."""
    vectors = vectors.clone()
    if update == "instance":
        order = range(len(labels))
    else:
        order = []
        for label in labels.unique():
            members = (labels == label).nonzero()[:, 0]
            order.append(int(members[(features[members] @ vectors[label]).argmin()]))
    for index in order:
        label = labels[index]
        vectors[label] = momentum * vectors[label] + (1 - momentum) * features[index]
        vectors[label] /= vectors[label].norm()
    return vectors


@settings(max_examples=40)
@given(
    batch=st.integers(1, 40), clusters=st.integers(1, 6), seed=st.integers(0, 1000),
    momentum=st.sampled_from([0.0, 0.1, 0.5, 0.9]), update=st.sampled_from(["instance", "hard"]),
)  # fmt: skip
def test_update_equals_the_sequential_rule(batch, clusters, seed, momentum, update):
    generator = torch.Generator().manual_seed(seed)
    start = torch.nn.functional.normalize(torch.randn(clusters, 8, generator=generator))
    memory = CentroidMemory(start, torch.arange(clusters), CentroidSettings(momentum=momentum, update=update))
    features = torch.nn.functional.normalize(torch.randn(batch, 8, generator=generator))
    labels = torch.randint(0, clusters, (batch,), generator=generator)
    wanted = sequential(memory.vectors, features, labels, momentum, update)
    memory.update(features, labels)
    assert torch.allclose(memory.vectors, wanted, atol=1e-6)
    assert torch.allclose(memory.vectors.norm(dim=1), torch.ones(clusters), atol=1e-5)


def test_start_is_the_mean_direction_and_noise_is_left_out():
    features = on_circle(0, 90, 200, 10)
    memory = CentroidMemory(features, torch.tensor([0, 0, -1, 1]), CentroidSettings())
    assert torch.allclose(memory.vectors, on_circle(45, 10), atol=1e-6)


def test_hard_update_by_hand():
    memory = CentroidMemory(
        on_circle(0, 90), torch.tensor([0, 1]), CentroidSettings(momentum=0.0, update="hard")
    )
    memory.update(on_circle(10, 50, 30), torch.tensor([0, 0, 0]))
    assert torch.allclose(memory.vectors, on_circle(50, 90), atol=1e-6)  # 50 degrees is farthest from 0


def test_mean_update_by_hand():
    memory = CentroidMemory(on_circle(0), torch.tensor([0]), CentroidSettings(momentum=0.0, update="mean"))
    memory.update(on_circle(20, 40), torch.tensor([0, 0]))
    assert torch.allclose(memory.vectors, on_circle(30), atol=1e-6)


@pytest.mark.parametrize("update", ["instance", "hard", "mean"])
def test_no_gradient_is_kept(update):
    memory = CentroidMemory(on_circle(0), torch.tensor([0]), CentroidSettings(update=update))
    memory.update(on_circle(20).requires_grad_(), torch.tensor([0]))
    assert not memory.vectors.requires_grad


@pytest.mark.parametrize("update", ["mean", "instance", "hard"])
def test_features_keep_their_precision(update):
    features = on_circle(10, 50, 30).double()
    memory = CentroidMemory(on_circle(0, 90).double(), torch.tensor([0, 1]), CentroidSettings(update=update))
    memory.update(features, torch.tensor([0, 0, 0]))
    assert memory.vectors.dtype == torch.float64
