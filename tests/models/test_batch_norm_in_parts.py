"""Groups normalized in place of their output are, to the bit, groups normalized one by one and concatenated."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from reseen.models.batch_norm_in_parts import applies_in_parts, batch_norm_in_parts
from reseen.models.norm import group_batch_norm


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
