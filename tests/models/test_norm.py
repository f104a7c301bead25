"""Groups normalized in place of their output are, to the bit, groups normalized one by one and concatenated."""

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.layers import BatchNormAct2d
from torch import nn

from reseen.errors import SettingsError
from reseen.models.norm import (
    applies_in_parts,
    batch_norm_in_parts,
    group_batch_norm,
    group_sizes,
    use_group_norms,
)


@pytest.mark.parametrize(
    ("batch", "group", "expected"),
    [
        (64, None, [64]),  # the whole batch
        (64, 16, [16, 16, 16, 16]),
        (64, 64, [64]),
        (10, 64, [10]),  # a batch smaller than a group is a group
        (10, 4, [4, 4, 2]),  # a rest of two stands alone
        (9, 4, [4, 5]),  # a rest of one joins the group before it: one vector has no variance
    ],
)
def test_group_sizes(batch, group, expected):
    assert group_sizes(batch, group) == expected


def _plain_and_grouped(group):
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), BatchNormAct2d(5), nn.AdaptiveAvgPool2d(1),
                          nn.Flatten(), nn.BatchNorm1d(5)).double()  # fmt: skip
    grouped = copy.deepcopy(plain)
    assert use_group_norms(grouped, group) == 3
    return plain, grouped


def test_one_group_is_plain_batch_norm_to_the_bit():
    plain, grouped = _plain_and_grouped(None)
    for _ in range(3):
        images = torch.randn(8, 3, 9, 7, dtype=torch.float64)
        a, b = plain(images), grouped(images)
        a.square().sum().backward()
        b.square().sum().backward()
        assert torch.equal(a, b)
    for (name, mine), theirs in zip(grouped.state_dict().items(), plain.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs), name
    for mine, theirs in zip(grouped.parameters(), plain.parameters(), strict=True):
        assert torch.equal(mine.grad, theirs.grad)
    assert torch.equal(plain.eval()(images), grouped.eval()(images))


@settings(max_examples=25)
@given(groups=st.integers(1, 4), size=st.integers(2, 5), seed=st.integers(0, 1000))
def test_groups_equal_plain_batch_norm_on_each_part(groups, size, seed):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(groups * size, 4, 3, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    norm = nn.BatchNorm2d(4).double()
    parts = [copy.deepcopy(norm) for _ in range(groups)]
    wanted = torch.cat([part(chunk) for part, chunk in zip(parts, images.split(size), strict=True)])
    grouped = nn.Sequential(norm)
    use_group_norms(grouped, size)
    found = grouped(images)
    assert torch.allclose(found, wanted)
    weights = torch.randn(found.shape, generator=generator, dtype=torch.float64)
    mine = torch.autograd.grad((found * weights).sum(), images)[0]
    theirs = torch.autograd.grad((wanted * weights).sum(), images)[0]
    assert torch.allclose(mine, theirs)
    # One step towards the mean of the groups' statistics: what every part moved to, averaged.
    assert torch.allclose(norm.running_mean, torch.stack([p.running_mean for p in parts]).mean(0))
    assert torch.allclose(norm.running_var, torch.stack([p.running_var for p in parts]).mean(0))
    assert int(norm.num_batches_tracked) == 1


def test_the_group_decides_not_the_batch():
    """The same 8 images in one batch, or as two batches of 4 as two devices would see them: same output."""
    _, grouped = _plain_and_grouped(4)
    images = torch.randn(8, 3, 9, 7, dtype=torch.float64)
    first = copy.deepcopy(grouped)
    split = torch.cat([first(images[:4]), first(images[4:])])
    assert torch.allclose(grouped(images), split)


def test_names_and_weights_stay():
    plain, grouped = _plain_and_grouped(4)
    assert list(plain.state_dict()) == list(grouped.state_dict())
    for mine, theirs in zip(grouped.parameters(), plain.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_group_of_one_is_refused():
    with pytest.raises(SettingsError, match="at least 2 images, got 1"):
        use_group_norms(nn.BatchNorm1d(3), 1)


def one_by_one(images, weight, bias, statistics, sizes, epsilon):
    parts = images.split(sizes)
    return torch.cat(
        [
            F.batch_norm(part, statistics[0][row], statistics[1][row], weight, bias, True, 1.0, epsilon)
            for row, part in enumerate(parts)
        ]
    )


def everything(normalize, images, sizes, seed):
    generator = torch.Generator().manual_seed(seed)
    channels = images.shape[1]
    images = images.detach().requires_grad_()
    weight = torch.rand(channels, generator=generator).requires_grad_()
    bias = torch.randn(channels, generator=generator).requires_grad_()
    statistics = torch.zeros(len(sizes), channels), torch.ones(len(sizes), channels)
    output = normalize(images, weight, bias, statistics, sizes, 1e-5)
    above = torch.randn(output.shape, generator=generator).to(output)
    return [output, *statistics, *torch.autograd.grad(output, (images, weight, bias), above)]


@settings(max_examples=30)
@given(
    sizes=st.lists(st.integers(2, 5), min_size=1, max_size=4),
    spatial=st.sampled_from([(), (3, 2), (1, 1)]),
    half=st.booleans(),
    last=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_bits_of_output_statistics_and_gradients(sizes, spatial, half, last, seed):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(sum(sizes), 6, *spatial, generator=generator) * 2 + 1
    images = images.to(torch.bfloat16) if half else images
    if last and spatial:
        images = images.contiguous(memory_format=torch.channels_last)
    wanted = everything(one_by_one, images, sizes, seed)
    found = everything(batch_norm_in_parts, images, sizes, seed)
    for mine, theirs in zip(found, wanted, strict=True):
        assert torch.equal(mine, theirs)
        assert mine.dtype == theirs.dtype
    assert found[0].stride() == images.stride()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_norm_without_weights_is_left_to_torch(dtype):
    images = torch.rand(4, 3, 2, 2, dtype=dtype)
    weight = torch.ones(3, dtype=dtype)
    assert applies_in_parts(images, weight, weight)
    assert not applies_in_parts(images, None, None)
    assert not applies_in_parts(images.bfloat16(), weight.bfloat16(), weight.bfloat16())


@pytest.mark.parametrize("gaps", [True, False])
def test_images_with_gaps_and_gradients_that_are_repeated(gaps):
    """The class token of a transformer has gaps; the gradient of a sum is one number, repeated."""
    tokens = torch.randn(8, 5, 6, generator=torch.Generator().manual_seed(0))
    images = tokens[:, 0] if gaps else tokens[:, 0].contiguous()
    weight, bias = torch.rand(6), torch.rand(6)
    assert applies_in_parts(images, weight, bias) != gaps
    images = images.detach().requires_grad_()
    running = torch.zeros(6), torch.ones(6)
    found = group_batch_norm(images, running, (weight, bias), [4, 4], 0.1, 1e-5)
    wanted = torch.cat([F.batch_norm(part, None, None, weight, bias, True) for part in images.split(4)])
    assert torch.equal(found, wanted)
    assert all(bool(values.isfinite().all()) for values in running)
    for loss in (found, wanted):
        assert torch.autograd.grad(loss.sum(), images)[0].abs().max() < 1e-5
