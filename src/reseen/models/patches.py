r"""Parts of a feature map as vectors of their own: where each patch looks, and what becomes of it.

Each patch is an affine window on the map. The window is resampled to a full map by bilinear interpolation and
averaged, which is one weighted sum over the map's cells: the weights are computed from the window, and no resampled map
is ever made. At the start the windows are horizontal stripes.

Reference: Yang et al., "Patch-based discriminative feature learning for unsupervised person re-identification", CVPR
2019, section 3.2; Jaderberg et al., "Spatial transformer networks", NeurIPS 2015, eq. 1 and 5.

All patches of an image together: one embedding, which the image-level patch loss compares.
"""

from typing import Annotated, Literal, Self

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from reseen.conditions import When
from reseen.config import Settings
from reseen.errors import SettingsError
from reseen.geometry import unit

_LOCALIZATION_HIDDEN = 512


class PatchSettings(Settings):
    """Patches beside the vector of the whole image."""

    count: Annotated[int, Field(ge=1)] = 6
    """Patches, at most the rows of the map."""

    generator: Literal["stripes", "frozen", "learned"] = "stripes"
    """Where they look: at horizontal `stripes`; where a localization head says that is `learned`, and starts at the
    stripes; or where one that was learned earlier says, `frozen`."""

    dimension: Annotated[int, Field(ge=1)] = 256
    """Numbers per patch."""

    channels: Annotated[int, Field(ge=1), When(generator=("learned", "frozen"))] = 256
    """Width of the localization head's convolution."""

    reach: Annotated[float, Field(gt=0), When(generator=("learned", "frozen"))] = 0.1
    """By how much of the map the localization head moves a window per unit of its output; smaller learns slower."""

    weight: Annotated[float, Field(gt=0)] = 1.0
    """Weight of all patches together in the vector of an image, where the whole image weighs 1."""

    feature: Literal["both", "global", "patch"] = "both"
    """What is scored, embeds and searches after training."""


class Patches(nn.Module):
    """Maps to one unit vector per patch.

    Raises:
        SettingsError: more patches than the map has rows.
    """

    def __init__(self, settings: PatchSettings, width: int, grid: tuple[int, int]) -> None:
        super().__init__()
        if settings.count > grid[0]:
            raise SettingsError(
                f"model.patches.count: {settings.count} stripes do not fit on a map of {grid[0]} x {grid[1]} cells; "
                f"take at most {grid[0]}, or larger crops (data.height)"
            )
        self.count, self.dimension = settings.count, settings.dimension
        self.register_buffer("start", stripes(settings.count), persistent=False)
        self._frozen = settings.generator == "frozen"
        self.localization = None
        if settings.generator != "stripes":
            self.localization = Localization(settings, width, grid)
            self.localization.requires_grad_(settings.generator == "learned")
        self.embedding = nn.Parameter(torch.randn(settings.count, settings.dimension, width) / width**0.5)
        self.norm = nn.BatchNorm1d(settings.count * settings.dimension)
        self.norm.bias.requires_grad_(False)  # as in the neck: the sphere keeps its center

    def train(self, mode: bool = True) -> Self:
        """Switch training mode; a frozen localization head keeps its statistics, so that windows stay."""
        super().train(mode)
        if self._frozen and self.localization is not None:
            self.localization.eval()
        return self

    def windows(self, maps: Float[Tensor, "b d y x"]) -> Float[Tensor, "#b p 2 3"]:
        """The affine window of every patch, for all images alike where they are stripes."""
        start = self.get_buffer("start")
        return start[None] if self.localization is None else start + self.localization(maps)

    def project(self, maps: Float[Tensor, "b d y x"]) -> Float[Tensor, "b k"]:
        """The patches' numbers one after another, before the batch norm."""
        # shape[0] and not len(): a length becomes a constant in an exported graph, a shape follows the batch
        looks = window_weights(self.windows(maps), maps.shape[2], maps.shape[3])
        cells = maps.float().flatten(2)
        pooled = torch.einsum("bds,bps->bpd", cells, looks.flatten(2).expand(maps.shape[0], -1, -1))
        return torch.einsum("bpd,ped->bpe", pooled, self.embedding).flatten(1)

    def forward(self, maps: Float[Tensor, "b d y x"]) -> Float[Tensor, "b p e"]:
        """Unit vectors."""
        vectors = self.norm(self.project(maps)).float()
        return unit(vectors.unflatten(1, (self.count, self.dimension)))


class Localization(nn.Module):
    """By how much each window differs from its start: nothing, before it has learned."""

    def __init__(self, settings: PatchSettings, width: int, grid: tuple[int, int]) -> None:
        super().__init__()
        shrink = nn.MaxPool2d(3, 2) if min(grid) >= 3 else nn.Identity()
        self.look = nn.Sequential(
            nn.Conv2d(width, settings.channels, 3, padding=1),
            nn.BatchNorm2d(settings.channels),
            nn.ReLU(inplace=True),
            shrink,
        )
        self.decide = nn.Sequential(nn.Linear(settings.channels, _LOCALIZATION_HIDDEN), nn.ReLU(inplace=True))
        self.place = nn.Linear(_LOCALIZATION_HIDDEN, settings.count * 6)
        nn.init.zeros_(self.place.weight)
        nn.init.zeros_(self.place.bias)
        self.reach = settings.reach

    def forward(self, maps: Float[Tensor, "b d y x"]) -> Float[Tensor, "b p 2 3"]:
        """Changes of the windows."""
        seen = self.decide(self.look(maps.float()).mean(dim=(2, 3)))
        return self.reach * self.place(seen).unflatten(1, (-1, 2, 3))


def stripes(count: int) -> Float[Tensor, "p 2 3"]:
    r"""Windows that cut the map into `count` horizontal stripes of equal height, from the top.

    $\theta_i = [1, 0, 0; 0, 1/p, (2 i + 1 - p) / p]$ for i from 0.
    """
    windows = torch.zeros(count, 2, 3)
    windows[:, 0, 0] = 1
    windows[:, 1, 1] = 1 / count
    windows[:, 1, 2] = (2 * torch.arange(count) + 1 - count) / count
    return windows


def window_weights(windows: Float[Tensor, "b p 2 3"], height: int, width: int) -> Float[Tensor, "b p y x"]:
    """How much each cell of a map of `height` x `width` counts in the average over a window.

    A window holds as many points as the map has cells, corners on corners (`align_corners=True`); a point takes the
    four cells around it by bilinear interpolation, nothing where they lie outside. Differentiable in the windows.
    """
    rows = torch.linspace(-1, 1, height, device=windows.device) if height > 1 else windows.new_zeros(1)
    columns = torch.linspace(-1, 1, width, device=windows.device) if width > 1 else windows.new_zeros(1)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    points = torch.stack([x.flatten(), y.flatten(), torch.ones(height * width, device=windows.device)])
    placed = windows @ points  # x and y of each point, -1 to 1
    across = (placed[:, :, 0] + 1) / 2 * (width - 1)
    down = (placed[:, :, 1] + 1) / 2 * (height - 1)
    near_rows = _nearness(down, height)
    near_columns = _nearness(across, width)
    return torch.einsum("bpsy,bpsx->bpyx", near_rows, near_columns) / (height * width)


def _nearness(places: Float[Tensor, "b p s"], cells: int) -> Float[Tensor, "b p s c"]:
    """1 on a cell, falling to 0 at its neighbors."""
    apart = places[..., None] - torch.arange(cells, device=places.device)
    return (1 - apart.abs()).clamp_min(0)


class Projection(nn.Module):
    """Patches to the embedding of their image: cosines with the rows of one matrix per patch."""

    def __init__(self, patches: int, width: int, dimension: int, learn: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(patches, dimension, width), requires_grad=learn)

    def forward(self, patches: Float[Tensor, "b p e"]) -> Float[Tensor, "b k"]:
        """One after another."""
        return torch.einsum("bpe,pke->bpk", patches, unit(self.weight)).flatten(1)
