"""The sequential momentum update of memory rows, vectorized over rows.

The published update processes the samples of a batch one after another and renormalizes after each. Samples of
different rows are independent, so the k-th samples of all rows are processed together: the same result in as many
steps as the largest number of samples of one row.
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

    With `raw`, rows are not normalized; a row of zeros still becomes its first sample, as it does on the sphere.
    """
    occurrence = cumcount(labels)
    order = torch.sort(occurrence, stable=True).indices
    sizes = torch.bincount(occurrence).tolist()  # the only GPU synchronization
    for samples in order.split(sizes):
        rows = labels[samples]
        mixed = momentum * memory[rows] + (1 - momentum) * features[samples]
        if raw:
            empty = (memory[rows] == 0).all(dim=1, keepdim=True)
            memory[rows] = torch.where(empty, features[samples], mixed)
        else:
            memory[rows] = unit(mixed)


def cumcount(labels: Int64[Tensor, " b"]) -> Int64[Tensor, " b"]:
    """Number of earlier occurrences of each label: `[3, 5, 3, 3, 5]` gives `[0, 0, 1, 2, 1]`."""
    order = torch.sort(labels, stable=True).indices
    ordered = labels[order]
    positions = torch.arange(len(labels), device=labels.device)
    starts = torch.searchsorted(ordered, ordered)  # position of the first occurrence of each label
    result = torch.empty_like(positions)
    result[order] = positions - starts
    return result
