"""Batch norm of a batch that several processes shard: groups are cut as if one process had all of it.

A group that lies within one process's part is normalized there. Of a group that spans processes each sends count, mean
and sum of squared deviations; these are put together as in Chan, Golub and LeVeque, "Updating formulae and a pairwise
algorithm for computing sample variances", 1979, eq. 1.5, which loses no digits where the mean is large.
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
    """Where groups and parts overlap. `rows[r][g]`: images of group g that process r has."""

    rows: tuple[tuple[int, ...], ...]
    rank: int

    @property
    def own(self) -> list[tuple[int, int]]:
        """Group and number of images of each piece of this process's part, in order."""
        return [(group, count) for group, count in enumerate(self.rows[self.rank]) if count]

    @property
    def spanning(self) -> list[int]:
        """Groups that several processes have images of."""
        groups = range(len(self.rows[0]))
        return [group for group in groups if sum(part[group] > 0 for part in self.rows) > 1]


def overlap(split: BatchSplit, sizes: Sequence[int]) -> Pieces:
    """The pieces of a batch that is cut into parts by process, and into groups of `sizes` images."""
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
    """Batch norm in training mode of this process's `a` images, by groups of `sizes` images of the whole batch.

    `running` moves when the step is settled, by the mean over all groups.

    Raises:
        SettingsError: the norm is not given one row per image.
    """
    assert shard.split is not None
    pieces = overlap(shard.split, sizes)
    if len(images) != sum(pieces.rows[shard.rank]):
        raise SettingsError(
            "--devices: the batch norms of this backbone are not given one row per image; train on one device"
        )
    if pieces.spanning:
        normalized, statistics = _SyncBatchNorm.apply(images, *affine, pieces, epsilon, shard)
    else:
        normalized, statistics = _within(images, affine, pieces, epsilon)
    if running is not None:
        # A group that spans is counted by the first process that has some of it.
        firsts = [
            place
            for place, (group, _) in enumerate(pieces.own)
            if not any(pieces.rows[rank][group] for rank in range(shard.rank))
        ]
        shard.move(running, statistics[firsts].sum(dim=0) / len(sizes), momentum)
    return normalized


def _within(
    images: Tensor, affine: tuple[Tensor | None, Tensor | None], pieces: Pieces, epsilon: float
) -> tuple[Tensor, Float[Tensor, "m 2 c"]]:
    """Each piece is a whole group; with mean and unbiased variance of each."""
    weight, bias = affine
    like = weight if weight is not None else images
    statistics = torch.zeros(len(pieces.own), 2, images.shape[1], dtype=like.dtype, device=images.device)
    normalized = [
        # Momentum 1 makes the scratch rows receive this group's own statistics.
        F.batch_norm(part, scratch[0], scratch[1], weight, bias, True, 1.0, epsilon)
        for part, scratch in zip(images.split([rows for _, rows in pieces.own]), statistics, strict=True)
    ]
    return torch.cat(normalized), statistics


class _SyncBatchNorm(torch.autograd.Function):
    """All pieces of a process at once, so that every process takes part in every exchange, in the same order."""

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
        moments, counts = _put_together(moments, pieces, area, shard)
        means, variances = moments[:, 0], moments[:, 1] / counts[:, None]
        kind = torch.promote_types(images.dtype, torch.float32) if weight is None else weight.dtype
        normalized = [
            F.batch_norm(part, mean.to(kind), variance.to(kind), weight, bias, False, 0.0, epsilon)
            for part, mean, variance in zip(parts, means, variances, strict=True)
        ]
        ctx.save_for_backward(images, weight, bias, means, (variances + epsilon).rsqrt(), counts)
        ctx.pieces, ctx.shard = pieces, shard
        unbiased = moments[:, 1] / (counts[:, None] - 1).clamp_min(1)
        statistics = torch.stack([means, unbiased], dim=1).to(kind)
        ctx.mark_non_differentiable(statistics)
        return torch.cat(normalized), statistics

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        images, weight, bias, means, scales, counts = ctx.saved_tensors
        sizes = [rows for _, rows in ctx.pieces.own]
        gain = torch.ones_like(means[0]) if weight is None else weight
        standard, given, sums = [], [], []
        for part, gradient, mean, scale in zip(
            images.split(sizes), gradients[0].split(sizes), means, scales, strict=True
        ):
            exact = part.to(torch.promote_types(part.dtype, torch.float32))
            standard.append((exact - _wide(mean, exact)) * _wide(scale, exact))
            given.append(gradient.to(exact))
            sums.append(torch.stack([_total(given[-1]), _total(given[-1] * standard[-1])]))
        own = torch.stack(sums)
        whole = _sum_spanning(own, ctx.pieces, ctx.shard) / counts[:, None, None]
        back = [
            _wide(scale * gain, part) * (part - _wide(total[0], part) - one * _wide(total[1], part))
            for part, one, scale, total in zip(given, standard, scales, whole, strict=True)
        ]
        of_weight = None if weight is None else own[:, 1].sum(dim=0).to(weight.dtype)
        of_bias = None if bias is None else own[:, 0].sum(dim=0).to(bias.dtype)
        return torch.cat(back).to(images.dtype), of_weight, of_bias, None, None, None


def _put_together(
    moments: Float[Tensor, "m 2 c"], pieces: Pieces, area: int, shard: BatchShard
) -> tuple[Float[Tensor, "m 2 c"], Float[Tensor, " m"]]:
    """Mean and sum of squared deviations of the whole group of each piece, and how many numbers that is."""
    of_all = shard.collect(_in_table(moments, pieces))
    moments = moments.clone()
    counts = moments.new_tensor([float(rows * area) for _, rows in pieces.own])
    for place, (group, _) in enumerate(pieces.own):
        if group in pieces.spanning:
            rows = moments.new_tensor([float(part[group] * area) for part in pieces.rows])
            means, squares = of_all[:, pieces.spanning.index(group)].unbind(dim=1)
            counts[place] = rows.sum()
            mean = (rows[:, None] * means).sum(dim=0) / rows.sum()
            apart = (rows[:, None] * (means - mean).square()).sum(dim=0)
            moments[place] = torch.stack([mean, squares.sum(dim=0) + apart])
    return moments, counts


def _sum_spanning(sums: Float[Tensor, "m 2 c"], pieces: Pieces, shard: BatchShard) -> Float[Tensor, "m 2 c"]:
    """The sums of each piece's whole group."""
    table = shard.add(_in_table(sums, pieces))
    places = [pieces.spanning.index(group) if group in pieces.spanning else -1 for group, _ in pieces.own]
    return torch.stack([sums[at] if place < 0 else table[place] for at, place in enumerate(places)])


def _in_table(numbers: Float[Tensor, "m 2 c"], pieces: Pieces) -> Float[Tensor, "s 2 c"]:
    """One row per spanning group, zero where this process has nothing of it."""
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
    """The sum of each channel; on a CPU in float64, as torch's own batch norm counts there."""
    others = [axis for axis in range(part.ndim) if axis != 1]
    return part.sum(dim=others, dtype=torch.float64 if part.device.type == "cpu" else torch.float32)


def _wide(channels: Float[Tensor, " c"], like: Tensor) -> Tensor:
    """One number per channel, to go with maps; in their precision, or float32 where that is half."""
    exact = torch.promote_types(like.dtype, torch.float32)
    return channels.to(exact).view(1, -1, *([1] * (like.ndim - 2)))
