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


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("exponent", [1.0, 2.5, 3.0])
def test_the_gradients_of_generalized_means_have_the_bits_of_torch(last, exponent):
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(4, 6, 5, 3, generator=generator)
    maps = maps.contiguous(memory_format=torch.channels_last) if last else maps
    pooling = GeneralizedMeanPooling(exponent)
    results = []
    for power in (pooling.lift, lambda map_: map_.clamp_min(pooling.epsilon).pow(pooling.exponent)):
        leaf = maps.clone().requires_grad_()
        pooled = pooling.gather(power(leaf), None)
        weights = torch.randn(pooled.shape, generator=generator.manual_seed(1))
        results.append([pooled, *torch.autograd.grad((pooled * weights).sum(), (leaf, pooling.exponent))])
    for mine, theirs in zip(*results, strict=True):
        assert torch.equal(mine, theirs)


def test_in_map_order_gradients_are_equal_up_to_rounding_and_lie_like_the_map():
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(4, 6, 5, 3, generator=generator).contiguous(memory_format=torch.channels_last)
    plain, ordered = GeneralizedMeanPooling(), GeneralizedMeanPooling()
    ordered.in_map_order = True
    found = []
    for pooling in (plain, ordered):
        leaf = maps.clone().requires_grad_()
        pooled = pooling(leaf)
        found.append([pooled, *torch.autograd.grad(pooled.square().sum(), (leaf, pooling.exponent))])
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs)
    assert found[1][1].is_contiguous(memory_format=torch.channels_last)
