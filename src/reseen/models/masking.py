r"""Which cells of a feature map a view may see: blocks dropped anew for every image, view and step.

A cell starts a block with probability $\gamma = \frac{r}{s} \cdot \frac{HW}{P}$, for a rate r, blocks of s cells and
P places where a block lies wholly inside the map of H x W cells; blocks may overlap. On the small maps of person crops
most masks would be empty, so every image loses at least `min_blocks` blocks.

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
    """How views are masked."""

    kind: Annotated[Literal["block", "strip", "dropout"], When(share=Above(0))] = "block"
    """`block`: square blocks of cells; `strip`: blocks as wide as the map; `dropout`: every number by itself, to
    compare."""

    place: Annotated[Literal["map", "frozen"], When(share=Above(0))] = "map"
    """Where masks lie. `map`: on the map that is pooled, so that one pass of the trunk serves both views. `frozen`: on
    what the last frozen stage gives, so that all that learns sees masks; the other stages run once per view."""

    block: Annotated[
        Side | Annotated[tuple[Side, ...], Field(min_length=1)], When(share=Above(0), kind=("block", "strip"))
    ] = 3
    """Side of a block, or height of a strip, in cells; of several, such as [3, 5, 7], each image and view draws one."""

    share: Share = 0.3
    """Rate at the end of the ramp: about the share of cells that are dropped, less what overlaps."""

    ramp: Annotated[float, Field(ge=0, le=1), When(share=Above(0))] = 0.5
    """Share of the training over which the rate rises from 0; 0 keeps it fixed."""

    seeds: Annotated[Literal["random", "active"], When(share=Above(0), kind=("block", "strip"))] = "random"
    """Where blocks lie: anywhere, or more likely where the map responds strongly."""

    min_blocks: Annotated[int, Field(ge=0), When(share=Above(0), kind=("block", "strip"))] = 1
    """Blocks that every image loses at least, once the rate is above 0."""

    @model_validator(mode="after")
    def _fits_together(self) -> "MaskSettings":
        if self.kind == "dropout" and (self.seeds == "active" or self.block != 3):
            raise ValueError("dropout has no blocks; leave block and seeds out, or take kind block")
        return self

    @property
    def sides(self) -> tuple[int, ...]:
        """The sizes that are drawn from."""
        return (self.block,) if isinstance(self.block, int) else self.block

    def rate(self, progress: float) -> float:
        """The rate when `progress` (0 to 1) of the training is done."""
        return self.share if self.ramp == 0 else self.share * min(1.0, progress / self.ramp)


def check_map(settings: MaskSettings, height: int, width: int) -> None:
    """Whether masks of these settings make sense on a map of `height` x `width` cells.

    Raises:
        SettingsError: they do not; the message says what to change.
    """
    if height * width == 1:
        raise SettingsError(
            "method.mask: the backbone's map has one cell, nothing of it can be masked; give larger crops "
            "(data.height, data.width), or model.last_stride 1"
        )
    largest = max(settings.sides)
    if settings.kind == "strip" and height == 1:
        raise SettingsError(
            "method.mask.kind: a strip hides all of a map of one row; give larger crops (data.height), or take block"
        )
    fitting = min(height, width) - (height == width)
    if settings.kind == "block" and largest > fitting:
        raise SettingsError(
            f"method.mask.block: a block of {largest} x {largest} does not fit a map of {height} x {width} cells, or "
            f"leaves nothing of it; take at most {fitting}, or larger crops (data.height, data.width)"
        )
    if settings.kind == "strip" and largest >= height:
        raise SettingsError(
            f"method.mask.block: a strip of {largest} rows leaves nothing of a map of {height} rows; "
            f"take at most {height - 1}, or larger crops (data.height)"
        )


def draw_masks(
    maps: Float[Tensor, "b d y x"], settings: MaskSettings, rate: float, generator: Generator
) -> Bool[Tensor, "b c y x"]:
    """One mask per image, True where a cell is kept: at least one per image, the same for all channels (c = 1).

    Plain dropout has c = d: each number is dropped by itself.

    Random numbers come from the CPU generator, so that a seed means the same masks on every device. `maps` is looked
    at for its size and, with seeds `active`, for its mean absolute response; no gradient flows through.
    """
    count, _, height, width = maps.shape
    if rate == 0:
        return torch.ones(count, 1, height, width, dtype=torch.bool, device=maps.device)
    if settings.kind == "dropout":
        return (torch.rand(maps.shape, generator=generator) >= rate).to(maps.device)
    response = maps.detach().abs().mean(dim=1).cpu() if settings.seeds == "active" else None
    dropped = torch.zeros(count, height, width, dtype=torch.bool)
    which = torch.randint(0, len(settings.sides), (count,), generator=generator)
    for place, side in enumerate(settings.sides):
        some = which == place
        block = (side, width if settings.kind == "strip" else side)
        weights = response[some] if response is not None else None
        dropped[some] = _blocks(int(some.sum()), (height, width), block, settings, rate, weights, generator)
    spare = torch.rand(count, height * width, generator=generator).argmax(dim=1)
    lost = dropped.flatten(1).all(dim=1)
    dropped.view(count, -1)[lost, spare[lost]] = False
    return ~dropped[:, None].to(maps.device)


def _blocks(
    count: int,
    size: tuple[int, int],
    block: tuple[int, int],
    settings: MaskSettings,
    rate: float,
    response: Float[Tensor, "b y x"] | None,
    generator: Generator,
) -> Bool[Tensor, "b y x"]:
    """Cells that are dropped, by blocks of one size."""
    down, right = size[0] - block[0] + 1, size[1] - block[1] + 1
    gamma = rate / (block[0] * block[1]) * (size[0] * size[1]) / (down * right)
    draws = torch.rand(count, down * right, generator=generator)
    wanted = (draws < gamma).sum(dim=1).clamp_min(min(settings.min_blocks, down * right))
    if response is not None:  # weighted drawing without replacement: Gumbel noise on logarithms
        strength = F.avg_pool2d(response[:, None], block, stride=1).flatten(1)
        draws = torch.log(-torch.log(draws.clamp(1e-7, 1 - 1e-7))) - torch.log(strength + 1e-12)
    ranks = draws.argsort(dim=1).argsort(dim=1)
    seeds = (ranks < wanted[:, None]).view(count, 1, down, right).float()
    padding = (block[1] - 1, block[1] - 1, block[0] - 1, block[0] - 1)
    return F.max_pool2d(F.pad(seeds, padding), block, stride=1)[:, 0] > 0
