"""Grouped batch norm for data-parallel training: the groups are those that a single process would form.

A group within one process's shard is normalized there. For a group that spans processes, each sends count, mean and sum
of squared deviations, which are merged as in Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for
computing sample variances", 1979, eq. 1.5; this is numerically stable for large means.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from reseen.errors import SettingsError
from reseen.models.batch_shard import BatchShard, BatchSplit


@dataclass(frozen=True)
class Pieces:
    """Overlaps of groups and shards: `rows[r][g]` is the number of images of group g in the shard of process r."""

    rows: tuple[tuple[int, ...], ...]
    rank: int

    @property
    def own(self) -> list[tuple[int, int]]:
        """Group and number of images of each piece of this process's shard, in order."""
        return [(group, count) for group, count in enumerate(self.rows[self.rank]) if count]

    @property
    def spanning(self) -> list[int]:
        """Groups with images in several shards."""
        groups = range(len(self.rows[0]))
        return [group for group in groups if sum(part[group] > 0 for part in self.rows) > 1]


def overlap(split: BatchSplit, sizes: Sequence[int]) -> Pieces:
    """The pieces of a batch that is split into shards by `split` and into groups of `sizes` images."""
    ends = list(accumulate(sizes))
    groups = list(zip([0, *ends], ends, strict=False))
    parts = zip(split.bounds, split.bounds[1:], strict=False)
    rows = [tuple(max(0, min(b, d) - max(a, c)) for c, d in groups) for a, b in parts]
    return Pieces(tuple(rows), split.rank)


def sync_batch_norm(
    images: Float[Tensor, "a c *spatial"],
    running: tuple[Tensor, Tensor] | None,
    affine: tuple[Tensor | None, Tensor | None],
    sizes: Sequence[int],
    momentum: float,
    epsilon: float,
    shard: BatchShard,
) -> Float[Tensor, "a c *spatial"]:
    """Batch norm in training mode of this process's `a` images, over groups of `sizes` images of the whole batch.

    `running` (mean, variance) is updated in `BatchShard.sync_gradients`, with the mean over all groups.

    Raises:
        SettingsError: the input does not have one row per image.
    """
    assert shard.split is not None
    pieces = overlap(shard.split, sizes)
    if len(images) != sum(pieces.rows[shard.rank]):
        raise SettingsError(
            "--devices: the batch norms of this backbone do not get one row per image; train on one device"
        )
    if pieces.spanning:
        normalized, statistics = _SyncBatchNorm.apply(images, *affine, pieces, epsilon, shard)
    else:
        normalized, statistics = _within(images, affine, pieces, epsilon)
    if running is not None:
        # A spanning group is counted by the first process that has images of it.
        firsts = [
            piece
            for piece, (group, _) in enumerate(pieces.own)
            if not any(pieces.rows[rank][group] for rank in range(shard.rank))
        ]
        shard.queue_running_update(running, statistics[firsts].sum(dim=0) / len(sizes), momentum)
    return normalized


def _within(
    images: Tensor, affine: tuple[Tensor | None, Tensor | None], pieces: Pieces, epsilon: float
) -> tuple[Tensor, Float[Tensor, "m 2 c"]]:
    """Batch norm where every piece is a whole group, with the mean and unbiased variance of each."""
    weight, bias = affine
    like = weight if weight is not None else images
    statistics = torch.zeros(len(pieces.own), 2, images.shape[1], dtype=like.dtype, device=images.device)
    normalized = [
        # Momentum 1 writes this group's own statistics into the scratch rows.
        F.batch_norm(part, scratch[0], scratch[1], weight, bias, True, 1.0, epsilon)
        for part, scratch in zip(images.split([rows for _, rows in pieces.own]), statistics, strict=True)
    ]
    return torch.cat(normalized), statistics


class _SyncBatchNorm(torch.autograd.Function):
    """Batch norm of all pieces of a process at once: every process calls the same collectives in the same order."""

    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        pieces: Pieces,
        epsilon: float,
        shard: BatchShard,
    ) -> tuple[Tensor, Tensor]:
        area = images[0, 0].numel()
        parts = images.split([rows for _, rows in pieces.own])
        moments = torch.stack([_moments(part) for part in parts])
        moments, counts = _merge_moments(moments, pieces, area, shard)
        means, variances = moments[:, 0], moments[:, 1] / counts[:, None]
        dtype = torch.promote_types(images.dtype, torch.float32) if weight is None else weight.dtype
        normalized = [
            F.batch_norm(part, mean.to(dtype), variance.to(dtype), weight, bias, False, 0.0, epsilon)
            for part, mean, variance in zip(parts, means, variances, strict=True)
        ]
        ctx.save_for_backward(images, weight, bias, means, (variances + epsilon).rsqrt(), counts)
        ctx.pieces, ctx.shard = pieces, shard
        unbiased = moments[:, 1] / (counts[:, None] - 1).clamp_min(1)
        statistics = torch.stack([means, unbiased], dim=1).to(dtype)
        ctx.mark_non_differentiable(statistics)
        return torch.cat(normalized), statistics

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        images, weight, bias, means, scales, counts = ctx.saved_tensors
        sizes = [rows for _, rows in ctx.pieces.own]
        gain = torch.ones_like(means[0]) if weight is None else weight
        normalized, output_gradients, sums = [], [], []
        for part, gradient, mean, scale in zip(
            images.split(sizes), gradients[0].split(sizes), means, scales, strict=True
        ):
            exact = part.to(torch.promote_types(part.dtype, torch.float32))
            normalized.append((exact - _wide(mean, exact)) * _wide(scale, exact))
            output_gradients.append(gradient.to(exact))
            sums.append(
                torch.stack([_total(output_gradients[-1]), _total(output_gradients[-1] * normalized[-1])])
            )
        own = torch.stack(sums)
        group_means = _sum_spanning(own, ctx.pieces, ctx.shard) / counts[:, None, None]
        input_gradients = [
            _wide(scale * gain, part) * (part - _wide(mean[0], part) - standard * _wide(mean[1], part))
            for part, standard, scale, mean in zip(
                output_gradients, normalized, scales, group_means, strict=True
            )
        ]
        weight_gradient = None if weight is None else own[:, 1].sum(dim=0).to(weight.dtype)
        bias_gradient = None if bias is None else own[:, 0].sum(dim=0).to(bias.dtype)
        return torch.cat(input_gradients).to(images.dtype), weight_gradient, bias_gradient, None, None, None


def _merge_moments(
    moments: Float[Tensor, "m 2 c"], pieces: Pieces, area: int, shard: BatchShard
) -> tuple[Float[Tensor, "m 2 c"], Float[Tensor, " m"]]:
    """Mean and sum of squared deviations of the whole group of each piece, and the number of values in it."""
    gathered = shard.all_gather(_spanning_table(moments, pieces))
    moments = moments.clone()
    counts = moments.new_tensor([float(rows * area) for _, rows in pieces.own])
    for piece, (group, _) in enumerate(pieces.own):
        if group in pieces.spanning:
            rows = moments.new_tensor([float(part[group] * area) for part in pieces.rows])
            means, squares = gathered[:, pieces.spanning.index(group)].unbind(dim=1)
            counts[piece] = rows.sum()
            mean = (rows[:, None] * means).sum(dim=0) / rows.sum()
            between = (rows[:, None] * (means - mean).square()).sum(dim=0)
            moments[piece] = torch.stack([mean, squares.sum(dim=0) + between])
    return moments, counts


def _sum_spanning(sums: Float[Tensor, "m 2 c"], pieces: Pieces, shard: BatchShard) -> Float[Tensor, "m 2 c"]:
    """The sums over the whole group of each piece."""
    table = shard.all_reduce(_spanning_table(sums, pieces))
    rows = [pieces.spanning.index(group) if group in pieces.spanning else -1 for group, _ in pieces.own]
    return torch.stack([sums[piece] if row < 0 else table[row] for piece, row in enumerate(rows)])


def _spanning_table(numbers: Float[Tensor, "m 2 c"], pieces: Pieces) -> Float[Tensor, "s 2 c"]:
    """One row per spanning group, zero where this process has no images of it."""
    table = numbers.new_zeros(len(pieces.spanning), *numbers.shape[1:])
    for piece, (group, _) in zip(numbers, pieces.own, strict=True):
        if group in pieces.spanning:
            table[pieces.spanning.index(group)] = piece
    return table


def _moments(part: Tensor) -> Float[Tensor, "2 c"]:
    """Mean and sum of squared deviations of each channel."""
    mean = _total(part) / (part.numel() / part.shape[1])
    return torch.stack([mean, _total((part - _wide(mean, part)).square())])


def _total(part: Tensor) -> Float[Tensor, " c"]:
    """The sum of each channel; on a CPU in float64, as in torch's own batch norm."""
    axes = [axis for axis in range(part.ndim) if axis != 1]
    return part.sum(dim=axes, dtype=torch.float64 if part.device.type == "cpu" else torch.float32)


def _wide(channels: Float[Tensor, " c"], like: Tensor) -> Tensor:
    """One value per channel, broadcastable to `like` and in its precision, or float32 if that is half precision."""
    exact = torch.promote_types(like.dtype, torch.float32)
    return channels.to(exact).view(1, -1, *([1] * (like.ndim - 2)))
