"""Pooling over what masks keep."""

import pytest
import torch

from reseen.models.pooling import AveragePooling, GeneralizedMeanPooling


@pytest.mark.parametrize("pooling", [GeneralizedMeanPooling(), AveragePooling()])
def test_a_mask_leaves_the_mean_of_what_it_keeps(pooling):
    maps = torch.rand(3, 5, 4, 2)
    kept = torch.rand(3, 1, 4, 2) > 0.4
    kept[:, :, 0, 0] = True
    found = pooling(maps, kept)
    for image in range(3):
        cells = maps[image][:, kept[image, 0]]
        torch.testing.assert_close(found[image], pooling(cells[None, :, :, None])[0])


@pytest.mark.parametrize("pooling", [GeneralizedMeanPooling(), AveragePooling()])
def test_a_channel_that_keeps_no_cell_has_a_finite_gradient(pooling):
    maps = torch.rand(2, 3, 2, 2, requires_grad=True)
    kept = torch.ones(2, 3, 2, 2, dtype=torch.bool)
    kept[0, 1] = False
    found = pooling(maps, kept)
    found.sum().backward()
    assert bool(found.isfinite().all())
    assert bool(maps.grad.isfinite().all())
    assert not bool(maps.grad[0, 1].any())
    assert all(bool(weight.grad.isfinite().all()) for weight in pooling.parameters())
