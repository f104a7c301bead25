r"""Estimates the statistics of batch norms on the training crops, before training and after a round.

**Before training**, `match_statistics` replaces the statistics of pretrained batch norms, and changes weight and bias
such that the output in evaluation mode stays the same.

Pretrained batch norms store the mean and variance of ImageNet. Evaluation mode uses them, training mode uses those of
the batch. A pretrained network therefore computes different functions in the two modes: the first clusters come from
one, and the first steps train the other. Let $m$ and $v$ be the mean and variance of a norm's input on the crops, which
replace $m_0$ and $v_0$. With

$w = w_0 \sqrt{v + \epsilon} / \sqrt{v_0 + \epsilon}$ and $b = b_0 + (m - m_0) w_0 / \sqrt{v_0 + \epsilon}$,

the function in evaluation mode is unchanged, and the function in training mode is close to it.

**After a round**, `update_bn` replaces the running statistics. During training, batch norms see augmented and masked
crops of a few people at a time, and keep a moving average over the last batches while the weights change; a momentum
teacher has no batches of its own. Features are extracted from plain crops. One pass over these gives each norm the
mean and variance for them and for the current weights.

References: Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3 (population statistics by a separate
pass); Izmailov et al., "Averaging weights leads to wider optima", UAI 2018, section 3.2 (for averaged weights).
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
"""Maximum number of crops that `match_statistics` uses."""

_BATCH = 64
_SEED = 0


@torch.no_grad()
def match_statistics(encoder: nn.Module, crops: Crops, device: torch.device) -> int:
    """Give the trunk's batch norms the statistics of a sample of `crops`, in place; outputs in evaluation mode stay.

    Norms of frozen stages, norms without weights and one-dimensional norms are not changed. The sample is the same in
    every process and for every seed. Outputs in evaluation mode change by at most 1e-4 of the largest output, through
    rounding.

    Args:
        encoder: the encoder, possibly wrapped by Fabric.
        crops: the training crops; up to 512 are sampled.
        device: the device of the encoder.

    Returns:
        The number of norms that were changed.
    """
    plain = unwrap(encoder)
    training = plain.training
    norms = [norm for norm in plain.train().trunk.modules() if _is_matched(norm)]
    plain.eval()
    sums: dict[nn.Module, Float64[Tensor, "3 c"]] = {}

    def add(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0].double().transpose(0, 1).flatten(1)
        counts = torch.full_like(values[:, 0], values.shape[1])
        batch_sums = torch.stack([values.sum(dim=1), values.square().sum(dim=1), counts])
        sums[norm] = sums.get(norm, torch.zeros_like(batch_sums)) + batch_sums

    handles = [norm.register_forward_pre_hook(add) for norm in norms]
    try:
        sample = torch.randperm(len(crops), generator=Generator().manual_seed(_SEED))[:CROPS]
        for rows in sample.split(_BATCH):
            plain.maps(normalize(crops.images(rows).to(device), plain.mean, plain.std))
    finally:
        for handle in handles:
            handle.remove()
        plain.train(training)
    for norm, (total, squares, count) in sums.items():
        mean = total / count
        _set_statistics(norm, mean, (squares / count - mean.square()).clamp_min(0))
    return len(sums)


def _is_matched(module: nn.Module) -> bool:
    """Whether it is a trainable 2D batch norm; the network must be in training mode, which frozen norms never are."""
    if not isinstance(module, nn.BatchNorm2d) or not module.training:
        return False
    return module.weight is not None and module.running_mean is not None


def _set_statistics(norm: Any, mean: Float64[Tensor, " c"], variance: Float64[Tensor, " c"]) -> None:
    """Set the statistics of a norm, and the weight and bias that preserve its function in evaluation mode."""
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
    """Re-estimate the running statistics of batch norms on plain crops, in one pass; weights and frozen norms stay.

    During the pass, norms normalize by the statistics of the batch, in the same groups as in training. The running
    statistics are the mean of the batch statistics, weighted by batch size.

    Args:
        encoder: the encoder, possibly wrapped by Fabric.
        crops: the training crops.
        device: the device of the encoder.
        progress: called with the number of crops just done.
        ranks: the processes that train together; each runs a part of the batches, and all get the same statistics.
    """
    plain = unwrap(encoder)
    training = plain.training
    plain.train()
    norms = [norm for norm in plain.modules() if isinstance(norm, _BatchNorm) and norm.training]
    plain.eval()  # only these norms are in training mode: dropout and stochastic depth stay off
    kept = [(norm.momentum, norm.get_buffer("num_batches_tracked").clone()) for norm in norms]
    sums = [torch.zeros(2, norm.num_features, dtype=torch.float64) for norm in norms]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0  # running statistics become those of the last batch
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
