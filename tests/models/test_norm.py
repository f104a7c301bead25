import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.layers import BatchNormAct2d
from torch import nn

from reseen.errors import SettingsError
from reseen.models.norm import (
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


def test_an_activation_that_is_not_done_in_place_has_the_bits_of_one_that_is():
    generator = torch.Generator().manual_seed(0)
    norm = BatchNormAct2d(6, act_layer=nn.ReLU6)
    assert norm.act.inplace
    holder = nn.Sequential(copy.deepcopy(norm))
    use_group_norms(holder, None)
    images = 4 * torch.randn(8, 6, 3, 2, generator=generator)
    above = torch.randn(images.shape, generator=generator)
    results = []
    for module in (norm, holder):
        leaf = images.clone().requires_grad_()
        output = module(leaf)
        results.append([output, *torch.autograd.grad((output * above).sum(), (leaf, *module.parameters()))])
    for mine, theirs in zip(*results, strict=True):
        assert torch.equal(mine, theirs)
