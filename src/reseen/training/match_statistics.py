r"""Batch norms re-expressed with the statistics of the crops to be learned from; what the network computes stays.

Pretrained batch norms hold the mean and variance of ImageNet. In evaluation they are used, in training those of the
batch are, so that a pretrained network computes one function in the first and another in the second: the first clusters
come of one network, and the first steps train another. With the mean $m$ and variance $v$ of a norm's input on the
crops, in place of $m_0$ and $v_0$, and

$w = w_0 \sqrt{v + \epsilon} / \sqrt{v_0 + \epsilon}$ and $b = b_0 + (m - m_0) w_0 / \sqrt{v_0 + \epsilon}$,

the function in evaluation is the same, and that of training comes close to it.
"""

from typing import Any

import torch
from jaxtyping import Float64
from torch import Generator, Tensor, nn

from reseen.data.crops import Crops
from reseen.data.views import normalize
from reseen.features.extract import unwrap

CROPS = 512
"""Crops that the statistics are taken of, fewer where there are fewer."""

_BATCH = 64
_SEED = 0


@torch.no_grad()
def match_statistics(encoder: nn.Module, crops: Crops, device: torch.device) -> int:
    """Re-express the trunk's batch norms with the statistics of drawn `crops`, in place; returns how many.

    Norms of frozen stages, norms without weights and norms of one value per image are left alone. The draw is the same
    in every process and for every seed. Outputs in evaluation mode stay within 1e-4 of what they were, relative to the
    largest.
    """
    plain = unwrap(encoder)
    training = plain.training
    norms = [norm for norm in plain.train().trunk.modules() if _is_matched(norm)]
    plain.eval()
    sums: dict[nn.Module, Float64[Tensor, "3 c"]] = {}

    def add(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0].double().transpose(0, 1).flatten(1)
        counts = torch.full_like(values[:, 0], values.shape[1])
        found = torch.stack([values.sum(dim=1), values.square().sum(dim=1), counts])
        sums[norm] = sums.get(norm, torch.zeros_like(found)) + found

    handles = [norm.register_forward_pre_hook(add) for norm in norms]
    try:
        drawn = torch.randperm(len(crops), generator=Generator().manual_seed(_SEED))[:CROPS]
        for rows in drawn.split(_BATCH):
            plain.maps(normalize(crops.images(rows).to(device), plain.mean, plain.std))
    finally:
        for handle in handles:
            handle.remove()
        plain.train(training)
    for norm, (total, squares, count) in sums.items():
        mean = total / count
        _express(norm, mean, (squares / count - mean.square()).clamp_min(0))
    return len(sums)


def _is_matched(module: nn.Module) -> bool:
    """Whether it is a batch norm of maps that learns, found in training mode."""
    if not isinstance(module, nn.BatchNorm2d) or not module.training:
        return False
    return module.weight is not None and module.running_mean is not None


def _express(norm: Any, mean: Float64[Tensor, " c"], variance: Float64[Tensor, " c"]) -> None:
    """Give a norm these statistics, and the weight and bias with which its function stays."""
    before = (norm.running_var.double() + norm.eps).sqrt()
    slope = norm.weight.double() / before
    bias = norm.bias.double() + (mean - norm.running_mean.double()) * slope
    weight = slope * (variance + norm.eps).sqrt()
    for target, value in (
        (norm.weight, weight), (norm.bias, bias), (norm.running_mean, mean), (norm.running_var, variance)
    ):  # fmt: skip
        target.copy_(value.to(target.dtype))
