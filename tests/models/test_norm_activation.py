"""Batch norm and activation in one operation against torch's, group by group."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.layers import BatchNormAct2d
from torch import nn

from reseen.models.norm import use_group_norms
from reseen.models.norm_activation import bounds_of, can_fuse, norm_and_activation

BOUNDS = {"none": (-math.inf, math.inf), "relu": (0.0, math.inf), "relu6": (0.0, 6.0), "narrow": (-0.5, 0.4)}


def maps(images, channels, rows, columns, seed, mean=0.0):
    generator = torch.Generator().manual_seed(seed)
    values = 2 * torch.randn(images, channels, rows, columns, generator=generator) + mean
    return values.contiguous(memory_format=torch.channels_last)


def slowly(images, weight, bias, statistics, sizes, epsilon, bounds):
    """Group by group with torch in float64."""
    outputs = []
    for row, part in enumerate(images.double().split(list(sizes))):
        mean, variance = torch.zeros(2, part.shape[1], dtype=torch.float64).unbind()
        normalized = F.batch_norm(part, mean, variance, weight.double(), bias.double(), True, 1.0, epsilon)
        statistics[0][row], statistics[1][row] = mean, variance
        outputs.append(normalized.clamp(*bounds))
    return torch.cat(outputs)


def everything(function, images, sizes, bounds, seed):
    generator = torch.Generator().manual_seed(seed)
    channels = images.shape[1]
    images = images.detach().requires_grad_()
    weight = (0.5 + torch.rand(channels, generator=generator)).requires_grad_()
    bias = torch.randn(channels, generator=generator).requires_grad_()
    statistics = torch.full((len(sizes), channels), 7.0), torch.full((len(sizes), channels), 7.0)
    output = function(images, weight, bias, statistics, sizes, 1e-5, bounds)
    above = torch.randn(output.shape, generator=generator).contiguous(memory_format=torch.channels_last)
    return [output, *statistics, *torch.autograd.grad(output, (images, weight, bias), above.to(output.dtype))]


@settings(max_examples=40)
@given(
    sizes=st.lists(st.integers(2, 5), min_size=1, max_size=3),
    channels=st.sampled_from([1, 3, 16, 33]),
    spatial=st.sampled_from([(1, 1), (3, 2), (9, 8)]),
    name=st.sampled_from(sorted(BOUNDS)),
    seed=st.integers(0, 1000),
)
def test_output_statistics_and_gradients_are_those_of_torch(sizes, channels, spatial, name, seed):
    images = maps(sum(sizes), channels, *spatial, seed)
    found = everything(norm_and_activation, images, sizes, BOUNDS[name], seed)
    wanted = everything(slowly, images, sizes, BOUNDS[name], seed)
    for mine, exact in zip(found, wanted, strict=True):
        # a value that rounding puts on the other side of a bound passes no gradient: few, and at most one gradient
        near = torch.isclose(mine.double(), exact.double(), rtol=1e-3, atol=2e-3)
        assert float(near.double().mean()) > 0.98
    assert found[0].is_contiguous(memory_format=torch.channels_last)


def test_a_mean_far_from_zero_loses_no_digits():
    images = maps(64, 8, 8, 4, 0, mean=1000.0)
    found = everything(norm_and_activation, images, [32, 32], BOUNDS["none"], 0)
    wanted = everything(slowly, images, [32, 32], BOUNDS["none"], 0)
    torch.testing.assert_close(found[0].double(), wanted[0], rtol=1e-3, atol=2e-3)
    torch.testing.assert_close(found[2], wanted[2], rtol=1e-3, atol=0)


def test_more_threads_than_two_are_left_to_torch():
    images, weight, before = maps(4, 3, 2, 2, 0), torch.ones(3), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert can_fuse(images, weight, weight)
        torch.set_num_threads(3)
        assert not can_fuse(images, weight, weight)
    finally:
        torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def few_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(min(before, 2))
    yield
    torch.set_num_threads(before)


def test_no_gradient_passes_at_a_bound():
    images = torch.tensor([-1.0, 1.0]).reshape(2, 1, 1, 1).contiguous(memory_format=torch.channels_last)
    images.requires_grad_()
    weight, bias = torch.ones(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    statistics = torch.zeros(1, 1), torch.zeros(1, 1)
    output = norm_and_activation(images, weight, bias, statistics, [2], 0.0, (-1.0, 1.0))
    assert output.flatten().tolist() == [-1.0, 1.0]
    gradients = torch.autograd.grad(output.sum(), (images, weight, bias))
    assert not any(bool(gradient.any()) for gradient in gradients)


@pytest.mark.parametrize(
    ("activation", "bounds"),
    [
        (nn.Identity(), (-math.inf, math.inf)),
        (nn.ReLU(inplace=True), (0.0, math.inf)),
        (nn.ReLU6(), (0.0, 6.0)),
        (nn.Hardtanh(-2, 3), (-2.0, 3.0)),
        (nn.SiLU(), None),
        (nn.LeakyReLU(), None),
    ],
)
def test_bounds_are_those_of_activations_that_clip(activation, bounds):
    assert bounds_of(activation) == bounds


def test_what_cannot_be_fused():
    images, weight = maps(4, 3, 2, 2, 0), torch.ones(3)
    assert can_fuse(images, weight, weight)
    assert not can_fuse(images, None, None)
    assert not can_fuse(images.contiguous(), weight, weight)
    assert not can_fuse(images.bfloat16(), weight, weight)
    assert not can_fuse(images.double(), weight.double(), weight.double())
    assert not can_fuse(images[:, :, 0, 0], weight, weight)
    assert not can_fuse(maps(1, 3, 1, 1, 0), weight, weight)
    assert not can_fuse(images.to("meta"), weight, weight)


@pytest.mark.parametrize("group", [None, 4])
def test_a_network_with_fused_activations_trains_as_without(group):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        BatchNormAct2d(8, act_layer=nn.ReLU6),
        nn.Conv2d(8, 4, 1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 1, bias=False),
        BatchNormAct2d(4, apply_act=False),
    ).to(memory_format=torch.channels_last)
    fused = copy.deepcopy(network)
    use_group_norms(network, group)
    use_group_norms(fused, group, fused=True)
    images = maps(8, 3, 6, 5, 1)
    for model in (network, fused):
        model(images).square().mean().backward()
    for mine, theirs in zip(fused.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-3, atol=1e-4)
    for mine, theirs in zip(fused.buffers(), network.buffers(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)
    network.eval(), fused.eval()
    torch.testing.assert_close(fused(images), network(images), rtol=1e-4, atol=1e-5)
