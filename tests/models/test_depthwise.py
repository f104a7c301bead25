"""A strided depthwise convolution computes its gradients in float32 where its maps are bfloat16."""

import copy

import torch
from torch import nn

from reseen.models.depthwise import StridedDepthwise, use_float_gradients


def test_only_depthwise_convolutions_with_a_stride_change():
    trunk = nn.Sequential(
        nn.Conv2d(4, 4, 3, stride=2, groups=4, bias=False), nn.Conv2d(4, 4, 3, groups=4, bias=False),
        nn.Conv2d(4, 4, 3, stride=2, bias=False), nn.Conv2d(4, 4, 3, stride=2, groups=4),
    )  # fmt: skip
    names = list(trunk.state_dict())
    assert use_float_gradients(trunk) == 1
    assert [type(module) is StridedDepthwise for module in trunk] == [True, False, False, False]
    assert list(trunk.state_dict()) == names


def test_output_and_gradients():
    torch.manual_seed(0)
    plain = nn.Conv2d(6, 6, 3, stride=2, padding=1, groups=6, bias=False)
    network = nn.Sequential(copy.deepcopy(plain))
    before = torch.get_rng_state()
    use_float_gradients(network)
    assert torch.equal(torch.get_rng_state(), before), "no weights are drawn"
    layer = network[0]
    images = torch.randn(3, 6, 9, 7)
    assert torch.equal(layer(images), plain(images))
    found = []
    for module in (layer, plain):
        leaf = images.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            output = module(leaf)
        assert output.dtype == torch.bfloat16
        found.append([output, *torch.autograd.grad(output.float().square().sum(), (leaf, module.weight))])
    assert torch.equal(found[0][0], found[1][0])
    exact = images.bfloat16().float().requires_grad_()
    rounded = plain.weight.detach().bfloat16().float().requires_grad_()
    output = nn.functional.conv2d(exact, rounded, None, 2, 1, 1, 6)
    wanted = torch.autograd.grad(output.square().sum(), (exact, rounded))
    for mine, theirs in zip(found[0][1:], wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0.02, atol=0.02 * theirs.abs().max().item())
