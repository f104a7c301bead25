"""Running statistics of batch norms, from crops as they are instead of the batches of training.

In training, batch norms see augmented and masked crops, a few people at a time, and keep a moving average over the last
batches, while the weights go on changing; a momentum teacher has no batches of its own at all. Features are made of
plain crops. One pass over them gives each norm the mean and variance that fit them and the weights as they are now.

Reference: Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3 (population statistics by a pass of their
own); Izmailov et al., "Averaging weights leads to wider optima", UAI 2018, section 3.2 (for averaged weights).
"""

import torch
from torch import Generator, nn
from torch.nn.modules.batchnorm import _BatchNorm

from reseen.data.crops import Crops
from reseen.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from reseen.features.extract import batches, unwrap
from reseen.runs.console import Progress, no_progress

_SEED = 0
"""Crops come in a drawn order: neighbors in a table are often of one person, and share statistics in a group."""


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
