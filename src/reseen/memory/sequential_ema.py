"""The sequential rule of memories, without going through a batch sample by sample.

The published rule takes the samples of a batch one after another and, on the sphere, renormalizes after each. Samples
of different rows do not meet, so the k-th sample of every row is taken together: the same result in as many steps as
the batch has samples of one row.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from reseen.geometry import unit


@torch.no_grad()
def sequential_ema(
    memory: Float[Tensor, "c d"],
    features: Float[Tensor, "b d"],
    labels: Int64[Tensor, " b"],
    momentum: float,
    raw: bool = False,
) -> None:
    """For each sample in order, in place: `memory[y] = unit(momentum * memory[y] + (1 - momentum) * feature)`.

    `raw` rows keep the length of the mean; one that is zero still becomes its first sample, as on the sphere.
    """
    turns = cumcount(labels)
    order = torch.sort(turns, stable=True).indices
    sizes = torch.bincount(turns).tolist()  # the one place where a GPU is waited for
    for now in order.split(sizes):
        rows = labels[now]
        mixed = momentum * memory[rows] + (1 - momentum) * features[now]
        if raw:
            empty = (memory[rows] == 0).all(dim=1, keepdim=True)
            memory[rows] = torch.where(empty, features[now], mixed)
        else:
            memory[rows] = unit(mixed)


def cumcount(labels: Int64[Tensor, " b"]) -> Int64[Tensor, " b"]:
    """How often each label has come before: `[3, 5, 3, 3, 5]` gives `[0, 0, 1, 2, 1]`."""
    order = torch.sort(labels, stable=True).indices
    ordered = labels[order]
    positions = torch.arange(len(labels), device=labels.device)
    starts = torch.searchsorted(ordered, ordered)  # the first place of each label
    result = torch.empty_like(positions)
    result[order] = positions - starts
    return result
