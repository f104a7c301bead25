"""Sets the stride of a backbone's last stage to 1, which doubles the resolution of the last feature map.

Reference: Luo et al., "Bag of tricks and a strong baseline for deep person re-identification", CVPR workshops 2019,
section 3.5.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_PROBE = 64
"""Width in pixels of the image that locates strided layers; it is twice as high."""
_SHRINKING = ("stride", "kernel_size", "padding")
"""Attributes that `refine_last_stage` may change."""


@dataclass
class _Strided:
    """A stride-2 module and the height of its input for a probe image."""

    module: nn.Module
    input_height: int


def refine_last_stage(backbone: nn.Module) -> Callable[[], None] | None:
    """Set stride 1 on every strided convolution and pooling of the last stage, in place.

    Returns a function that undoes the change, or None, with the backbone unchanged, where it is not possible: for
    transformers, and for stages that downsample by a kernel without padding (ConvNeXt), whose pretrained weights do not
    fit stride 1.
    """
    strided = _find_strided(backbone)
    if len({item.input_height for item in strided}) < 2:
        return None
    last = [item.module for item in strided if item.input_height == min(s.input_height for s in strided)]
    if not all(_keeps_size_at_stride_one(module) for module in last):
        return None
    original = [{name: vars(module)[name] for name in _SHRINKING if name in vars(module)} for module in last]
    for module in last:
        module.stride = (1, 1) if isinstance(module, nn.Conv2d) else 1  # type: ignore[assignment]
        if isinstance(module, nn.AvgPool2d):
            module.kernel_size, module.padding = 1, 0  # the shortcut's pooling becomes the identity

    def restore() -> None:
        for module, values in zip(last, original, strict=True):
            vars(module).update(values)

    return restore


def _find_strided(backbone: nn.Module) -> list[_Strided]:
    strided: list[_Strided] = []

    def record(module: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        strided.append(_Strided(module, inputs[0].shape[-2]))

    kinds = (nn.Conv2d, nn.AvgPool2d, nn.MaxPool2d)
    hooks = [
        module.register_forward_hook(record)
        for module in backbone.modules()
        if isinstance(module, kinds) and _stride(module) == 2
    ]
    training = backbone.training
    backbone.eval()
    try:
        with torch.no_grad():
            backbone(torch.zeros(1, 3, 2 * _PROBE, _PROBE))
    except Exception:  # a fixed input size, as transformers have: nothing to refine
        return []
    finally:
        backbone.train(training)
        for hook in hooks:
            hook.remove()
    return strided


def _stride(module: nn.Module) -> int:
    return _first(getattr(module, "stride", 1))


def _keeps_size_at_stride_one(module: nn.Module) -> bool:
    if isinstance(module, nn.AvgPool2d):
        return True
    return isinstance(module, nn.Conv2d | nn.MaxPool2d) and _first(module.kernel_size) % 2 == 1


def _first(size: int | tuple[int, ...]) -> int:
    return size[0] if isinstance(size, tuple) else size
