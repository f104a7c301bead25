"""The update against the published loop, sample by sample."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from reseen.memory.sequential_ema import cumcount, sequential_ema


@given(
    seed=st.integers(0, 1000),
    batch=st.integers(0, 30),
    momentum=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
    raw=st.booleans(),
)
def test_it_equals_the_loop(seed, batch, momentum, raw):
    generator = torch.Generator().manual_seed(seed)
    memory = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    if not raw:
        memory /= memory.norm(dim=1, keepdim=True)
    memory[3] = 0
    features = torch.randn(batch, 4, generator=generator, dtype=torch.float64) + 0.5
    labels = torch.randint(0, 5, (batch,), generator=generator)
    wanted = memory.clone()
    for feature, label in zip(features, labels.tolist(), strict=True):
        mixed = momentum * wanted[label] + (1 - momentum) * feature
        if raw:
            wanted[label] = feature if not wanted[label].any() else mixed
        else:
            wanted[label] = mixed / mixed.norm().clamp_min(1e-12)
    sequential_ema(memory, features, labels, momentum, raw)
    torch.testing.assert_close(memory, wanted)


def test_a_raw_row_with_some_zeros_is_averaged():
    memory = torch.tensor([[0.0, 2.0], [0.0, 0.0]])
    sequential_ema(memory, torch.tensor([[4.0, 4.0], [4.0, 4.0]]), torch.tensor([0, 1]), 0.5, raw=True)
    assert memory.tolist() == [[2.0, 3.0], [4.0, 4.0]]


@pytest.mark.parametrize(
    ("labels", "counts"),
    [([3, 5, 3, 3, 5], [0, 0, 1, 2, 1]), ([], []), ([7], [0]), ([2, 1, 2, 1], [0, 0, 1, 1])],
)
def test_earlier_occurrences_of_each_label(labels, counts):
    assert cumcount(torch.tensor(labels, dtype=torch.int64)).tolist() == counts


def test_counting_stays_on_the_device_of_the_labels():
    with FakeTensorMode():
        assert cumcount(torch.zeros(6, dtype=torch.int64, device="cuda")).device.type == "cuda"
