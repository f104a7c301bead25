"""Keep the last feature map twice as fine: set the stride of a backbone's last stage to 1.

Reference: Luo et al., "Bag of tricks and a strong baseline for deep person re-identification", 2019, section 3.5.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

_PROBE = 64


@dataclass
class _Strided:
    """A module that halves its input, and the height of that input for a probe image."""

    module: nn.Module
    input_height: int


def refine_last_stage(backbone: nn.Module) -> bool:
    """Set stride 1 on every strided convolution and pooling of the last stage, in place.

    Returns False, and changes nothing, where the backbone does not allow it: transformers, and stages that
    shrink by a kernel without padding (ConvNeXt), whose weights would see another picture at stride 1.
    """
    strided = _find_strided(backbone)
    if len({item.input_height for item in strided}) < 2:
        return False
    last = [item.module for item in strided if item.input_height == min(s.input_height for s in strided)]
    if not all(_keeps_size_at_stride_one(module) for module in last):
        return False
    for module in last:
        module.stride = (1, 1) if isinstance(module, nn.Conv2d) else 1  # type: ignore[assignment]
        if isinstance(module, nn.AvgPool2d):
            module.kernel_size, module.padding = 1, 0  # a shortcut's pooling has nothing left to shrink
    return True


def _find_strided(backbone: nn.Module) -> list[_Strided]:
    found: list[_Strided] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        found.append(_Strided(module, inputs[0].shape[-2]))

    kinds = (nn.Conv2d, nn.AvgPool2d, nn.MaxPool2d)
    hooks = [
        module.register_forward_hook(note)
        for module in backbone.modules()
        if isinstance(module, kinds) and _stride(module) == 2
    ]
    training = backbone.training
    backbone.eval()
    try:
        with torch.no_grad():
            backbone(torch.zeros(1, 3, 2 * _PROBE, _PROBE))
    except (AssertionError, RuntimeError):  # a fixed input size: a transformer, nothing to refine
        return []
    finally:
        backbone.train(training)
        for hook in hooks:
            hook.remove()
    return found


def _stride(module: nn.Module) -> int:
    return _first(getattr(module, "stride", 1))


def _keeps_size_at_stride_one(module: nn.Module) -> bool:
    if isinstance(module, nn.AvgPool2d):
        return True
    return isinstance(module, nn.Conv2d | nn.MaxPool2d) and _first(module.kernel_size) % 2 == 1


def _first(size: int | tuple[int, ...]) -> int:
    return size[0] if isinstance(size, tuple) else size
