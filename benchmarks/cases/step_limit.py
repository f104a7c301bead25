"""What a training step could cost at best: its convolutions alone, and a matrix product of as many operations."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook
from torch.optim import Adam

from cases.case import Case, Options, kept, row, timed
from reseen.models import Encoder, ModelSettings
from reseen.models.arithmetic import Arithmetic
from reseen.models.frozen_stages import fuse_frozen

_BATCH = 128
_STEPS = 4
"""Steps that are timed together: training keeps freed memory from one to the next."""
_SIDE = 1536
"""Rows and columns of the product: large enough for a processor's best rate."""


def _run(options: Options) -> dict[str, Any]:
    """A step of the network of market-mini, its convolutions one by one, and the product, in turn."""
    batch = 8 if options.quick else _BATCH
    encoder = _encoder()
    images = torch.randn(batch, 3, encoder.height, encoder.width).to(memory_format=torch.channels_last)
    step, layers = _step(encoder, images), _layers_of(encoder, images)
    operations = sum(layer.operations for layer in layers)
    seconds, convolution_seconds, product_seconds = timed(
        options.repeat,
        kept(lambda: [step() for _ in range(_STEPS)]),
        kept(lambda: [layer.run() for _ in range(_STEPS) for layer in layers]),
        _product(_STEPS * operations),
    )
    crops = _STEPS * batch
    rate = _STEPS * operations / median(product_seconds) / 1e9
    limit = (
        f"{operations / 1e9:.0f} billion operations a step, at the {rate:.0f} billion a second of the product"
    )
    against = f"a matrix product of as many operations, {crops / median(product_seconds):.0f} crops/s"
    return {
        "rows": [
            row(
                f"{_STEPS} steps of {batch} crops, {crops / median(seconds):.0f} crops/s",
                seconds,
                against=against,
                against_seconds=product_seconds,
                limit=limit,
            ),
            row(
                f"their convolutions one by one, {crops / median(convolution_seconds):.0f} crops/s",
                convolution_seconds,
                against=against,
                against_seconds=product_seconds,
                limit=limit,
                note="the rest of the steps is batch norms, activations, pooling and the optimizer",
            ),
        ]
    }


def _encoder() -> Encoder:
    """The network of market-mini as `train.precision auto` trains it where there is no bf16."""
    settings = ModelSettings(backbone="mobilenetv2_100", weights="none", norm_group=None, frozen_stages=4)
    encoder = Encoder(settings, 128, 64, arithmetic=Arithmetic(None, fused=True))
    encoder = encoder.to(memory_format=torch.channels_last)
    fuse_frozen(encoder)
    return encoder.train()


def _step(encoder: Encoder, images: Tensor) -> Callable[[], None]:
    optimizer = Adam([parameter for parameter in encoder.parameters() if parameter.requires_grad])
    target = torch.randn(len(images), 1)

    def work() -> None:
        (encoder(images) * target).sum().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return work


@dataclass(frozen=True)
class _Convolution:
    """A convolution of a step on its own input; the backward pass only where the step has it."""

    layer: nn.Conv2d
    maps: Tensor
    learns: bool
    outputs: int
    """Numbers in its output."""

    @property
    def operations(self) -> int:
        """Multiplications and additions: of the output, and of the gradients of input and weight, as many each."""
        layer = self.layer
        per_output = layer.in_channels // layer.groups * layer.kernel_size[0] * layer.kernel_size[1]
        return 2 * self.outputs * per_output * (3 if self.learns else 1)

    def run(self) -> None:
        """Compute it."""
        if not self.learns:
            with torch.no_grad():
                self.layer(self.maps)
            return
        output = self.layer(self.maps.requires_grad_())
        torch.autograd.grad(output, (self.maps, self.layer.weight), torch.ones_like(output))


def _layers_of(encoder: Encoder, images: Tensor) -> list[_Convolution]:
    """Every convolution of a step."""
    found: list[_Convolution] = []

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(layer, nn.Conv2d):
            found.append(_Convolution(layer, inputs[0].detach(), output.requires_grad, output.numel()))

    # of all modules: frozen stages are computed by a copy that is none of the encoder's modules
    handle = register_module_forward_hook(note)
    encoder(images)
    handle.remove()
    return found


def _product(operations: int) -> Callable[[], None]:
    """Products of two square matrices, as many as have these operations."""
    one, other = torch.randn(_SIDE, _SIDE), torch.randn(_SIDE, _SIDE)
    whole, rest = divmod(operations, 2 * _SIDE**3)
    rows = round(rest / (2 * _SIDE**2))

    def work() -> None:
        for _ in range(whole):
            one @ other
        if rows:
            one[:rows] @ other

    return work


STEP_LIMIT = Case("step-limit", "", _run)
