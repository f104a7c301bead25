import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.losses import cluster_contrast
from reseen.memory import LookupTable

CPU = torch.device("cpu")


def unit(values):
    return torch.nn.functional.normalize(values, dim=1)


def test_the_first_loss_of_a_partition_is_ln_of_its_clusters():
    table = LookupTable(37, 8, 0.5, CPU)
    features = unit(torch.randn(5, 8))
    loss = cluster_contrast(features, torch.arange(5), table.vectors, 0.1)
    assert math.isclose(float(loss), math.log(37), rel_tol=1e-6)


def test_the_first_sample_becomes_the_row_and_the_same_again_leaves_it():
    table, feature = LookupTable(3, 4, 0.5, CPU), unit(torch.randn(1, 4))
    for _ in range(2):
        table.update(feature, torch.tensor([1]))
        assert torch.allclose(table.vectors[1], feature[0], atol=1e-6)
    assert not table.vectors[[0, 2]].any()


@given(batch=st.integers(1, 12), clusters=st.integers(1, 5), seed=st.integers(0, 999), raw=st.booleans())
@settings(max_examples=30)
def test_rows_follow_the_batch_sample_by_sample(batch, clusters, seed, raw):
    generator = torch.Generator().manual_seed(seed)
    table = LookupTable(clusters, 6, 0.5, CPU, raw)
    expected = table.vectors.clone()
    for _ in range(2):
        features = torch.randn(batch, 6, generator=generator)
        features = features if raw else unit(features)
        labels = torch.randint(0, clusters, (batch,), generator=generator)
        for feature, label in zip(features, labels.tolist(), strict=True):
            row = 0.5 * expected[label] + 0.5 * feature if expected[label].any() else feature
            expected[label] = row if raw else row / row.norm()
        table.update(features, labels)
    assert torch.allclose(table.vectors, expected, atol=1e-5)
    lengths = table.vectors.norm(dim=1)
    assert raw or (((lengths - 1).abs() < 1e-5) | (lengths == 0)).all()


def test_no_gradient_reaches_the_rows():
    table = LookupTable(3, 4, 0.5, CPU)
    features = unit(torch.randn(2, 4)).requires_grad_()
    cluster_contrast(features, torch.tensor([0, 2]), table.vectors, 0.1).backward()
    table.update(features, torch.tensor([0, 2]))
    assert not table.vectors.requires_grad
    assert features.grad is not None


@pytest.mark.parametrize("raw", [False, True])
def test_rows_can_start_at_the_mean_of_their_members(raw):
    features = torch.randn(7, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 2, 2, 1, 0, 2, 1])
    table = LookupTable(4, 4, 0.5, torch.device("cpu"), raw)
    table.fill(features, labels)
    for cluster in range(3):
        mean = features[labels == cluster].mean(dim=0)
        torch.testing.assert_close(table.vectors[cluster], mean if raw else mean / mean.norm())
    assert not bool(table.vectors[3].any())


def test_rows_are_on_the_device():
    assert LookupTable(3, 4, 0.5, torch.device("meta")).vectors.device.type == "meta"
