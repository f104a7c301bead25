"""Batch norms multiplied into the convolutions before them, in trunks and encoders that only embed.

A batch norm in evaluation mode scales and shifts each channel by fixed numbers, so a convolution whose weights are
scaled and whose bias is shifted gives its output at no cost: on a CPU batch norms were a third of the forward pass.

Which convolution stands before which batch norm is seen by running the trunk, and that the folded trunk gives the same
is verified, so that a backbone whose code does something else with them is left as it is.
"""

import copy
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from timm.layers import BatchNormAct2d
from torch import Tensor, nn

from reseen.models.arithmetic import Arithmetic
from reseen.models.encoder import Encoder
from reseen.models.frozen_front import output_at

_TOLERANCE = 1e-3
"""Largest difference of a folded trunk's output, relative to the largest value of the output."""


@torch.no_grad()
def fold_batch_norms(trunk: nn.Module, images: Float[Tensor, "b 3 h w"]) -> nn.Module | None:
    """A copy of `trunk` in evaluation mode, without gradients, whose batch norms are folded; None where that fails.

    `images` are what it is tried on. Activations that timm puts into a batch norm are kept. None also if the trunk is
    compiled, or has no batch norm behind a convolution.
    """
    if trunk._compiled_call_impl is not None:
        return None
    folded = copy.deepcopy(trunk).eval().requires_grad_(False)
    try:
        wanted = folded(images.clone())
        pairs = _pairs(folded, images)
        for convolution, norm_name in pairs:
            _fold(folded, convolution, norm_name)
        found = folded(images.clone())
    except (RuntimeError, TypeError, AttributeError, IndexError):  # its code reads the batch norms itself
        return None
    same = bool((found - wanted).abs().max() <= _TOLERANCE * wanted.abs().max())
    return folded if pairs and same else None


def _pairs(trunk: nn.Module, images: Tensor) -> list[tuple[nn.Conv2d, str]]:
    """Convolutions whose output is the input of a batch norm, with its name; both run once in a forward pass."""
    source: dict[int, nn.Conv2d] = {}
    kept: list[Tensor] = []  # alive, so that no two outputs have one id
    runs: dict[nn.Module, int] = {}
    pairs: list[tuple[nn.Conv2d, str]] = []
    handles = []

    def after(module: Any, _inputs: Any, output: Tensor) -> None:
        runs[module] = runs.get(module, 0) + 1
        source[id(output)] = module
        kept.append(output)

    def before(name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        runs[module] = runs.get(module, 0) + 1
        if id(inputs[0]) in source:
            pairs.append((source[id(inputs[0])], name))

    for name, module in trunk.named_modules():
        if isinstance(module, nn.Conv2d):
            handles.append(module.register_forward_hook(after))
        elif isinstance(module, nn.BatchNorm2d):
            handles.append(module.register_forward_pre_hook(partial(before, name)))
    try:
        trunk(images.clone())
    finally:
        for handle in handles:
            handle.remove()
    return [
        (convolution, name)
        for convolution, name in pairs
        if runs[convolution] == 1 and runs[trunk.get_submodule(name)] == 1
    ]


def _fold(trunk: nn.Module, convolution: nn.Conv2d, name: str) -> None:
    """Multiply the batch norm `name` into the convolution before it, in float64, and leave its activation alone."""
    norm: Any = trunk.get_submodule(name)
    deviation = (norm.running_var.double() + norm.eps).sqrt()
    ones = torch.ones_like(deviation)
    scale = (ones if norm.weight is None else norm.weight.double()) / deviation
    bias = 0 * ones if convolution.bias is None else convolution.bias.double()
    shift = (bias - norm.running_mean.double()) * scale + (0 if norm.bias is None else norm.bias.double())
    weight = convolution.weight
    weight.copy_((weight.double() * scale[:, None, None, None]).to(weight.dtype))
    convolution.bias = nn.Parameter(shift.to(weight.dtype), requires_grad=False)
    parent, _, own = name.rpartition(".")
    rest = norm.act if isinstance(norm, BatchNormAct2d) else nn.Identity()
    setattr(trunk.get_submodule(parent), own, rest)


@torch.no_grad()
def inference_copy(encoder: Encoder) -> Encoder:
    """The `encoder` with a folded trunk in evaluation mode, for as long as its weights stay.

    Pooling, neck and patches are those of the encoder, in the mode they are in. It is the encoder itself where its
    arithmetic is not fused, or its trunk is compiled or cannot be folded. The copy computes in float32, whatever the
    encoder is trained in: bf16 moves the embeddings of a pretrained MobileNetV2 to a mean cosine of 0.986, folding in
    float32 to none below 0.999999.
    """
    return folded_copy(encoder, Arithmetic(fused=True)) if encoder.arithmetic.fused else encoder


@torch.no_grad()
def folded_copy(encoder: Encoder, arithmetic: Arithmetic) -> Encoder:
    """The `encoder` with a folded trunk that computes by `arithmetic`; the trunk itself where it cannot be folded.

    It is the encoder itself if then nothing differs.
    """
    device = next(encoder.parameters()).device
    noise = torch.rand(2, 3, encoder.height, encoder.width, generator=torch.Generator().manual_seed(0))
    folded = fold_batch_norms(encoder.trunk, noise.to(device))
    if folded is not None and not _keeps_stage(encoder, folded, noise.to(device)):
        folded = None
    if folded is None and arithmetic.autocast is None:
        return encoder
    return encoder.with_trunk(encoder.trunk if folded is None else folded, arithmetic)


def _keeps_stage(encoder: Encoder, folded: nn.Module, images: Float[Tensor, "b 3 h w"]) -> bool:
    """Whether the folded trunk gives the map that patches are cut from, as the `encoder` has it in evaluation mode."""
    if encoder.patch_stage is None:
        return True
    trunk = copy.deepcopy(encoder.trunk).eval()
    wanted, found = (output_at(each, encoder.patch_stage, images) for each in (trunk, folded))
    return bool((found - wanted).abs().max() <= _TOLERANCE * wanted.abs().max())
