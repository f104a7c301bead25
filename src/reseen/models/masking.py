r"""Random block masks for feature maps, drawn anew for every image, view and step.

A cell starts a block with probability $\gamma = \frac{r}{s} \cdot \frac{HW}{P}$, for a rate r, blocks of s cells and
P positions where a block fits into the map of H x W cells; blocks may overlap. On the small maps of person crops most
masks would be empty, so at least `min_blocks` blocks are dropped per image.

References: Ghiasi et al., "DropBlock: a regularization method for convolutional networks", NeurIPS 2018; strips after
Dai et al., "Batch DropBlock network for person re-identification and beyond", ICCV 2019; the name "dynamic" after the
abstract of Yin et al., "Simultaneous clustering and mask prediction", Pattern Recognition 2022, in our reconstruction.
"""

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from pydantic import Field, model_validator
from torch import Generator, Tensor

from reseen.conditions import Above, When
from reseen.config import Settings
from reseen.errors import SettingsError

Side = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


class MaskSettings(Settings):
    """Settings of the masks on feature maps."""

    kind: Annotated[Literal["block", "strip", "dropout"], When(share=Above(0))] = "block"
    """`block`: square blocks of cells; `strip`: blocks as wide as the map; `dropout`: independent values, as a
    baseline."""

    place: Annotated[Literal["map", "frozen"], When(share=Above(0))] = "map"
    """What is masked. `map`: the map that is pooled, so that one pass of the trunk serves both views. `frozen`: the
    output of the last frozen stage, so that all trained layers see masks; these run once per view."""

    block: Annotated[
        Side | Annotated[tuple[Side, ...], Field(min_length=1)], When(share=Above(0), kind=("block", "strip"))
    ] = 3
    """Side of a block, or height of a strip, in cells; from a list such as [3, 5, 7], one is drawn per image and
    view."""

    share: Share = 0.3
    """Mask rate at the end of the ramp: approximately the fraction of cells dropped, before overlaps."""

    ramp: Annotated[float, Field(ge=0, le=1), When(share=Above(0))] = 0.5
    """Fraction of the training over which the rate rises linearly from 0; 0 keeps it constant."""

    seeds: Annotated[Literal["random", "active"], When(share=Above(0), kind=("block", "strip"))] = "random"
    """Positions of blocks: `random` is uniform, `active` prefers strong activations."""

    min_blocks: Annotated[int, Field(ge=0), When(share=Above(0), kind=("block", "strip"))] = 1
    """Minimum number of blocks dropped per image, once the rate is above 0."""

    @model_validator(mode="after")
    def _fits_together(self) -> "MaskSettings":
        if self.kind == "dropout" and (self.seeds == "active" or self.block != 3):
            raise ValueError("kind dropout has no blocks; remove block and seeds, or set kind to block")
        return self

    @property
    def sides(self) -> tuple[int, ...]:
        """The block sizes to draw from, in cells."""
        return (self.block,) if isinstance(self.block, int) else self.block

    def rate(self, progress: float) -> float:
        """The mask rate at `progress` (0 to 1) of the training."""
        return self.share if self.ramp == 0 else self.share * min(1.0, progress / self.ramp)


def check_map(settings: MaskSettings, height: int, width: int) -> None:
    """Raise unless masks of these settings fit a map of `height` x `width` cells.

    Raises:
        SettingsError: a mask does not fit or would hide the whole map; the message says what to change.
    """
    if height * width == 1:
        raise SettingsError(
            "method.mask: the backbone's feature map has one cell, so it cannot be masked; use larger crops "
            "(data.height, data.width), or set model.last_stride to 1"
        )
    largest = max(settings.sides)
    if settings.kind == "strip" and height == 1:
        raise SettingsError(
            "method.mask.kind: a strip would hide the whole map, which has one row; use larger crops (data.height), or "
            "set it to block"
        )
    fitting = min(height, width) - (height == width)
    if settings.kind == "block" and largest > fitting:
        raise SettingsError(
            f"method.mask.block: a block of {largest} x {largest} does not fit a map of {height} x {width} cells, or "
            f"hides all of it; use at most {fitting}, or larger crops (data.height, data.width)"
        )
    if settings.kind == "strip" and largest >= height:
        raise SettingsError(
            f"method.mask.block: a strip of {largest} rows hides the whole map of {height} rows; "
            f"use at most {height - 1}, or larger crops (data.height)"
        )


def draw_masks(
    maps: Float[Tensor, "b d y x"], settings: MaskSettings, rate: float, generator: Generator
) -> Bool[Tensor, "b c y x"]:
    """One mask per image, True where a cell is kept, shared by all channels (c = 1); every image keeps a cell or more.

    With kind `dropout`, c = d: every value is dropped independently.

    Random numbers come from the CPU `generator`, so that a seed gives the same masks on every device. Of `maps` only
    the shape is used and, with seeds `active`, the mean absolute activation; no gradient flows through.
    """
    count, _, height, width = maps.shape
    if rate == 0:
        return torch.ones(count, 1, height, width, dtype=torch.bool, device=maps.device)
    if settings.kind == "dropout":
        return (torch.rand(maps.shape, generator=generator) >= rate).to(maps.device)
    activation = maps.detach().abs().mean(dim=1).cpu() if settings.seeds == "active" else None
    dropped = torch.zeros(count, height, width, dtype=torch.bool)
    size_index = torch.randint(0, len(settings.sides), (count,), generator=generator)
    for index, side in enumerate(settings.sides):
        chosen = size_index == index
        block = (side, width if settings.kind == "strip" else side)
        weights = activation[chosen] if activation is not None else None
        dropped[chosen] = _blocks(
            int(chosen.sum()), (height, width), block, settings, rate, weights, generator
        )
    spared = torch.rand(count, height * width, generator=generator).argmax(dim=1)
    all_dropped = dropped.flatten(1).all(dim=1)
    dropped.view(count, -1)[all_dropped, spared[all_dropped]] = False
    return ~dropped[:, None].to(maps.device)


def _blocks(
    count: int,
    size: tuple[int, int],
    block: tuple[int, int],
    settings: MaskSettings,
    rate: float,
    activation: Float[Tensor, "b y x"] | None,
    generator: Generator,
) -> Bool[Tensor, "b y x"]:
    """Cells that blocks of one size drop."""
    down, right = size[0] - block[0] + 1, size[1] - block[1] + 1
    gamma = rate / (block[0] * block[1]) * (size[0] * size[1]) / (down * right)
    draws = torch.rand(count, down * right, generator=generator)
    blocks = (draws < gamma).sum(dim=1).clamp_min(min(settings.min_blocks, down * right))
    if activation is not None:  # weighted sampling without replacement: Gumbel top-k
        weights = F.avg_pool2d(activation[:, None], block, stride=1).flatten(1)
        draws = torch.log(-torch.log(draws.clamp(1e-7, 1 - 1e-7))) - torch.log(weights + 1e-12)
    ranks = draws.argsort(dim=1).argsort(dim=1)
    seeds = (ranks < blocks[:, None]).view(count, 1, down, right).float()
    padding = (block[1] - 1, block[1] - 1, block[0] - 1, block[0] - 1)
    return F.max_pool2d(F.pad(seeds, padding), block, stride=1)[:, 0] > 0
