"""Depthwise convolutions with a stride, whose gradients oneDNN computes slowly in bfloat16.

The gradient of the input of such a layer (192 channels, 16 x 8 cells, 64 images) took 91 ms where that in float32 took
12: it has no vectorized form in bfloat16. Here the forward pass stays in bfloat16, and the backward pass is done in
float32, which is also the more exact of the two.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reseen.models.replace_modules import replace_modules, share_tensors


class StridedDepthwise(nn.Conv2d):
    """A depthwise convolution with a stride; under autocast on a CPU gradients are computed in float32.

    It takes over the weight of `layer`, which has no bias.
    """

    def __init__(self, layer: nn.Conv2d) -> None:
        pair: Any = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
        # on the meta device no random numbers are drawn
        super().__init__(
            layer.in_channels,
            layer.out_channels,
            *pair,
            groups=layer.groups,
            bias=False,
            padding_mode=layer.padding_mode,
            device="meta",
        )
        share_tensors(self, layer)

    def forward(self, input: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c v u"]:
        """The convolution."""
        low = torch.is_autocast_enabled("cpu") and input.device.type == "cpu"
        if not low or not torch.is_grad_enabled() or self.padding_mode != "zeros":
            return super().forward(input)
        dtype = torch.get_autocast_dtype("cpu")
        return _FloatGradients.apply(input.to(dtype), self.weight, self)  # type: ignore[no-any-return]


class _FloatGradients(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, layer: nn.Conv2d) -> Tensor:
        ctx.save_for_backward(maps, weight)
        ctx.layer = layer
        options: Any = (layer.stride, layer.padding, layer.dilation, layer.groups)
        return F.conv2d(maps, weight.to(maps.dtype), None, *options)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        maps, weight = ctx.saved_tensors
        layer = ctx.layer
        with torch.autocast("cpu", enabled=False):
            of_maps, of_weight, _ = torch.ops.aten.convolution_backward(
                gradients[0].float(), maps.float(), weight, None, layer.stride, layer.padding, layer.dilation,
                False, [0, 0], layer.groups, [ctx.needs_input_grad[0], ctx.needs_input_grad[1], False],
            )  # fmt: skip
        return None if of_maps is None else of_maps.to(maps.dtype), of_weight, None


def use_float_gradients(trunk: nn.Module) -> int:
    """Replace the depthwise convolutions of `trunk` that have a stride by `StridedDepthwise`; returns how many.

    Parameters and names stay. Convolutions of other classes, or with a bias or a padding in words, are left alone.
    """
    return replace_modules(trunk, _strided_depthwise)


def _strided_depthwise(_: str, module: nn.Module) -> nn.Module | None:
    if type(module) is not nn.Conv2d or module.bias is not None or isinstance(module.padding, str):
        return None
    depthwise = module.groups == module.in_channels > 1 and max(module.stride) > 1
    return StridedDepthwise(module) if depthwise else None
