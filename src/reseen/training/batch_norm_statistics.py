r"""Statistics of batch norms, from the crops to be learned from: before training, and after it.

**Before**, `match_statistics` re-expresses batch norms with the statistics of the crops; what the network
computes stays.

Pretrained batch norms hold the mean and variance of ImageNet. In evaluation they are used, in training those of the
batch are, so that a pretrained network computes one function in the first and another in the second: the first clusters
come of one network, and the first steps train another. With the mean $m$ and variance $v$ of a norm's input on the
crops, in place of $m_0$ and $v_0$, and

$w = w_0 \sqrt{v + \epsilon} / \sqrt{v_0 + \epsilon}$ and $b = b_0 + (m - m_0) w_0 / \sqrt{v_0 + \epsilon}$,

the function in evaluation is the same, and that of training comes close to it.

**After**, `update_bn` replaces the running statistics. In training, batch norms see augmented and masked crops, a few
people at a time, and keep a moving average over the last batches, while the weights go on changing; a momentum teacher
has no batches of its own at all. Features are made of plain crops. One pass over them gives each norm the mean and
variance that fit them and the weights as they are now.

Reference: Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3 (population statistics by a pass of their
own); Izmailov et al., "Averaging weights leads to wider optima", UAI 2018, section 3.2 (for averaged weights).
"""

from typing import Any

import torch
from jaxtyping import Float64
from torch import Generator, Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from reseen.data.crops import Crops
from reseen.data.views import normalize
from reseen.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from reseen.features.extract import batches, unwrap
from reseen.runs.console import Progress, no_progress

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


@torch.no_grad()
def update_bn(
    encoder: nn.Module,
    crops: Crops,
    device: torch.device,
    progress: Progress = no_progress,
    ranks: ProcessGroup = SINGLE_PROCESS,
) -> None:
    """Give every batch norm that is not frozen the mean and variance of plain crops, in one pass; weights stay.

    Each norm passes on what it normalized by its own batch, in the groups of training, and keeps the mean over all
    batches. Of several `ranks` each makes a part of the batches, and all get the same.
    """
    plain = unwrap(encoder)
    training = plain.training
    plain.train()
    norms = [norm for norm in plain.modules() if isinstance(norm, _BatchNorm) and norm.training]
    plain.eval()  # nothing but these norms is in training mode: no layer drops anything
    kept = [(norm.momentum, norm.get_buffer("num_batches_tracked").clone()) for norm in norms]
    sums = [torch.zeros(2, norm.num_features, dtype=torch.float64) for norm in norms]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0  # the running statistics are then those of the last batch
    order = torch.randperm(len(crops), generator=Generator().manual_seed(_SEED))
    for batch in batches(crops.select(order.numpy()), plain, device, ranks):
        plain(batch.images)
        for norm, total in zip(norms, sums, strict=True):
            total += (
                len(batch.rows)
                * torch.stack([norm.get_buffer("running_mean"), norm.get_buffer("running_var")])
                .double()
                .cpu()
            )
        progress(batch.done)
    for norm, total, (momentum, tracked) in zip(norms, sums, kept, strict=True):
        mean, variance = ranks.all_reduce(total) / len(crops)
        norm.get_buffer("running_mean").copy_(mean)
        norm.get_buffer("running_var").copy_(variance)
        norm.momentum = momentum
        norm.get_buffer("num_batches_tracked").copy_(tracked)
    plain.train(training)
