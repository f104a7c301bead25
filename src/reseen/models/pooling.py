"""Pooling of a feature map or tokens to one vector per image, over all cells or those that a mask keeps."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from reseen.errors import SettingsError
from reseen.models.backbone import Backbone
from reseen.models.settings import ModelSettings


class Pooling(ABC, nn.Module):
    """Base class of poolings in two steps, so that several masks of one map share the first: `lift`, then `gather`."""

    def forward(self, maps: Tensor, kept: Bool[Tensor, "b c y x"] | None = None) -> Float[Tensor, "b d"]:
        """One vector per image, over the cells where `kept` is True (all by default)."""
        return self.gather(self.lift(maps), kept)

    def lift(self, maps: Tensor) -> Tensor:
        """The part of the pooling that does not depend on the mask, in float32."""
        return maps.float()

    @abstractmethod
    def gather(self, lifted: Tensor, kept: Bool[Tensor, "b c y x"] | None) -> Float[Tensor, "b d"]:
        """Pool the output of `lift` over the kept cells, or over all."""


class GeneralizedMeanPooling(Pooling):
    r"""Generalized mean (GeM) pooling: $(\mathrm{mean}_{yx} \max(x, \epsilon)^p)^{1/p}$ per channel, with learned p.

    p = 1 is the average of the positive part, p to infinity the maximum.

    Attributes:
        in_map_order: whether gradients keep the memory order of the maps, and powers are computed by logarithms.
            Otherwise gradients come in rows of cells, as torch gives them, and a batch norm before the pooling takes
            many times as long; the two round differently.

    Reference: Radenovic et al., "Fine-tuning CNN image retrieval with no human annotation", TPAMI 2018, eq. 3.
    """

    def __init__(self, exponent: float = 3.0, epsilon: float = 1e-6, in_map_order: bool = False) -> None:
        super().__init__()
        self.in_map_order = in_map_order
        self.exponent = nn.Parameter(torch.tensor(float(exponent)))
        self.epsilon = epsilon

    def lift(self, maps: Float[Tensor, "b d y x"]) -> Float[Tensor, "b d y x"]:
        """The p-th powers, in float32 since they overflow in half precision."""
        learns = torch.is_grad_enabled() and maps.requires_grad
        if learns and self.in_map_order:
            return _PowerByLogarithm.apply(maps.float(), self.exponent, self.epsilon)  # type: ignore[no-any-return]
        positive = maps.float().clamp_min(self.epsilon)
        if learns:
            return _PositivePower.apply(positive, self.exponent)  # type: ignore[no-any-return]
        return positive.pow(self.exponent)

    def gather(
        self, lifted: Float[Tensor, "b d y x"], kept: Bool[Tensor, "b c y x"] | None
    ) -> Float[Tensor, "b d"]:
        """The p-th root of the mean power of each channel."""
        if kept is None and self.in_map_order:  # the gradient of a sum is one number per channel, and no map
            mean = lifted.sum(dim=(2, 3)) / (lifted.shape[2] * lifted.shape[3])
        else:
            mean = _mean(lifted, kept)
        if (
            kept is not None and kept.shape[1] > 1
        ):  # a channel may keep no cell; the root has no gradient at 0
            mean = torch.maximum(mean, self.epsilon ** self.exponent.detach())
        return mean.pow(1.0 / self.exponent)


class AveragePooling(Pooling):
    """Global average pooling."""

    def gather(
        self, lifted: Float[Tensor, "b d y x"], kept: Bool[Tensor, "b c y x"] | None
    ) -> Float[Tensor, "b d"]:
        """Average each channel over the map."""
        return _mean(lifted, kept)


class TokenPooling(Pooling):
    """Pooling of a transformer's tokens: the class token, or the mean of the patch tokens."""

    def __init__(self, prefix_tokens: int, average: bool) -> None:
        super().__init__()
        self.prefix_tokens = prefix_tokens
        self.average = average

    def gather(
        self, lifted: Float[Tensor, "b t d"], kept: Bool[Tensor, "b c y x"] | None
    ) -> Float[Tensor, "b d"]:
        """Take the class token, which the mask does not affect, or average the kept patch tokens."""
        if not self.average:
            return lifted[:, 0]
        patches = lifted[:, self.prefix_tokens :]
        if kept is None:
            return patches.mean(dim=1)
        weight = kept.flatten(2).transpose(1, 2).to(patches)
        return (patches * weight).sum(dim=1) / weight.sum(dim=1).clamp_min(1)


def build_pooling(settings: ModelSettings, backbone: Backbone, in_map_order: bool) -> Pooling:
    """The pooling of `settings.pooling` for this backbone; `in_map_order` as in `GeneralizedMeanPooling`.

    Raises:
        SettingsError: the output of the backbone cannot be pooled so.
    """
    if backbone.tokens:
        if settings.pooling == "gem":
            raise SettingsError(
                f"model.pooling: {settings.backbone} outputs tokens, gem needs a feature map; use 'token' or 'average'"
            )
        prefix = int(getattr(backbone.trunk, "num_prefix_tokens", 1))
        return TokenPooling(prefix, average=settings.pooling == "average" or prefix == 0)
    if settings.pooling == "token":
        raise SettingsError(
            f"model.pooling: {settings.backbone} outputs a feature map and has no token; use 'gem' or 'average'"
        )
    if settings.pooling == "average":
        return AveragePooling()
    return GeneralizedMeanPooling(in_map_order=in_map_order)


class _PositivePower(torch.autograd.Function):
    """Powers of positive numbers, with the gradients of `torch.pow`.

    torch's backward pass looks for bases and exponents of 0 in maps of their own, which takes longer than the powers.
    """

    @staticmethod
    def forward(ctx: Any, base: Tensor, exponent: Tensor) -> Tensor:
        power = base.pow(exponent)
        ctx.save_for_backward(base, exponent, power)
        return power

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        base, exponent, power = ctx.saved_tensors
        of_base, of_exponent = base.pow(exponent - 1).mul_(exponent), base.log().mul_(power)
        return gradients[0] * of_base, (gradients[0] * of_exponent).sum()


class _PowerByLogarithm(torch.autograd.Function):
    """Powers of maps clamped to at least epsilon, by one logarithm and one exponential for both passes.

    `torch.pow` takes 31 ms for 5 million numbers on one core with AVX2, both of these 13, and the passes of
    `_PositivePower` take two powers and a logarithm. The last bits of the powers differ. Gradients are in the memory
    order of the maps.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, exponent: Tensor, epsilon: float) -> Tensor:
        logarithm = maps.clamp_min(epsilon).log_()
        power = (logarithm * exponent).exp_()
        ctx.save_for_backward(maps, exponent, logarithm, power)
        ctx.epsilon = epsilon
        return power

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        maps, exponent, logarithm, power = ctx.saved_tensors
        of_power = power.clone().mul_(gradients[0])  # a product would take the order of the gradient
        of_exponent = (of_power * logarithm).sum()
        of_maps = of_power.mul_(exponent).div_(maps)
        return _THRESHOLD(of_maps, maps, ctx.epsilon), of_exponent, None


_THRESHOLD: Any = torch.ops.aten.threshold_backward
"""Gradients where the map is above a number, else 0."""


def _mean(maps: Float[Tensor, "b d y x"], kept: Bool[Tensor, "b c y x"] | None) -> Float[Tensor, "b d"]:
    """The mean over the kept cells, with one mask for all channels or one per channel.

    This equals dropping cells and rescaling the others, and applies to every generalized mean.
    """
    if kept is None:
        return maps.mean(dim=(2, 3))
    weight = kept.to(maps)
    return (maps * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3)).clamp_min(1)
