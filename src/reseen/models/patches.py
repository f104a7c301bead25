r"""Patch embeddings: one vector per affine window on the feature map, and their projection to one embedding per image.

A window is resampled by bilinear interpolation and averaged, which is a weighted sum over the map's cells: the weights
are computed from the window, without creating the resampled map. Initially the windows are horizontal stripes. The
projection is what the image-level patch loss compares.

Reference: Yang et al., "Patch-based discriminative feature learning for unsupervised person re-identification", CVPR
2019, section 3.2; Jaderberg et al., "Spatial transformer networks", NeurIPS 2015, eq. 1 and 5.
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
    """Settings of the patch embeddings."""

    count: Annotated[int, Field(ge=1)] = 6
    """Number of patches, at most the rows of the map that they are cut from."""

    stage: Annotated[int, Field(ge=1)] | None = None
    """The stage of the trunk whose output patches are cut from, counted as by `model.frozen_stages`; null: its last
    map. Cells of earlier stages see less of the crop. If this stage is frozen, only the patches' projection learns."""

    generator: Literal["stripes", "frozen", "learned"] = "stripes"
    """Where the windows are: horizontal `stripes`; from a localization head that is trained and starts at the stripes,
    `learned`; or from one that was trained earlier, `frozen`."""

    dimension: Annotated[int, Field(ge=1)] = 256
    """Dimension of a patch embedding."""

    channels: Annotated[int, Field(ge=1), When(generator=("learned", "frozen"))] = 256
    """Channels of the localization head's convolution."""

    reach: Annotated[float, Field(gt=0), When(generator=("learned", "frozen"))] = 0.1
    """Scale of the localization head's output, in window parameters from -1 to 1; smaller values learn more slowly."""

    weight: Annotated[float, Field(gt=0)] = 1.0
    """Total weight of the patches in an embedding, relative to 1 for the whole image."""

    feature: Literal["both", "global", "patch"] = "both"
    """Embedding used after training, for evaluation, export and search."""


class Patches(nn.Module):
    """Patch embeddings: feature maps to one unit vector per patch.

    Raises:
        SettingsError: there are more patches than rows in the map.
    """

    def __init__(self, settings: PatchSettings, width: int, grid: tuple[int, int]) -> None:
        super().__init__()
        if settings.count > grid[0]:
            raise SettingsError(
                f"model.patches.count: {settings.count} stripes do not fit on a map of {grid[0]} x {grid[1]} cells; "
                f"use at most {grid[0]}, or larger crops (data.height)"
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
        self.norm.bias.requires_grad_(False)  # as in the BNNeck: embeddings stay centered

    def train(self, mode: bool = True) -> Self:
        """Set training mode; a frozen localization head stays in evaluation mode, so that its windows do not change."""
        super().train(mode)
        if self._frozen and self.localization is not None:
            self.localization.eval()
        return self

    def windows(self, maps: Float[Tensor, "b d y x"]) -> Float[Tensor, "#b p 2 3"]:
        """The affine window of every patch; stripes have a batch axis of 1, since they are equal for all images."""
        start = self.get_buffer("start")
        return start[None] if self.localization is None else start + self.localization(maps)

    def project(self, maps: Float[Tensor, "b d y x"]) -> Float[Tensor, "b k"]:
        """The concatenated patch projections before the batch norm, k = p e."""
        # shape[0] and not len(): in an exported graph len() is a constant, a shape follows the batch
        weights = window_weights(self.windows(maps), maps.shape[2], maps.shape[3])
        cells = maps.float().flatten(2)
        pooled = torch.einsum("bds,bps->bpd", cells, weights.flatten(2).expand(maps.shape[0], -1, -1))
        return torch.einsum("bpd,ped->bpe", pooled, self.embedding).flatten(1)

    def forward(self, maps: Float[Tensor, "b d y x"]) -> Float[Tensor, "b p e"]:
        """One unit vector per patch, float32."""
        vectors = self.norm(self.project(maps)).float()
        return unit(vectors.unflatten(1, (self.count, self.dimension)))


class Localization(nn.Module):
    """The localization head of the windows: offsets to the stripes, initially zero."""

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
        """Offset of every window to its stripe."""
        hidden = self.decide(self.look(maps.float()).mean(dim=(2, 3)))
        return self.reach * self.place(hidden).unflatten(1, (-1, 2, 3))


def stripes(count: int) -> Float[Tensor, "p 2 3"]:
    r"""Affine windows of `count` horizontal stripes of equal height, from the top.

    $\theta_i = [1, 0, 0; 0, 1/p, (2 i + 1 - p) / p]$ for i from 0.
    """
    windows = torch.zeros(count, 2, 3)
    windows[:, 0, 0] = 1
    windows[:, 1, 1] = 1 / count
    windows[:, 1, 2] = (2 * torch.arange(count) + 1 - count) / count
    return windows


def window_weights(windows: Float[Tensor, "b p 2 3"], height: int, width: int) -> Float[Tensor, "b p y x"]:
    """Weight of each cell of a `height` x `width` map in the average over each window; differentiable in the windows.

    A window is sampled at as many points as the map has cells, with aligned corners (`align_corners=True`), by bilinear
    interpolation with zero padding.
    """
    rows = torch.linspace(-1, 1, height, device=windows.device) if height > 1 else windows.new_zeros(1)
    columns = torch.linspace(-1, 1, width, device=windows.device) if width > 1 else windows.new_zeros(1)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    points = torch.stack([x.flatten(), y.flatten(), torch.ones(height * width, device=windows.device)])
    sampled = windows @ points  # x and y of each point, -1 to 1
    column = (sampled[:, :, 0] + 1) / 2 * (width - 1)
    row = (sampled[:, :, 1] + 1) / 2 * (height - 1)
    row_weights = _linear_weights(row, height)
    column_weights = _linear_weights(column, width)
    return torch.einsum("bpsy,bpsx->bpyx", row_weights, column_weights) / (height * width)


def _linear_weights(positions: Float[Tensor, "b p s"], cells: int) -> Float[Tensor, "b p s c"]:
    """Linear interpolation weights of each cell: 1 on the cell, falling to 0 at its neighbors."""
    offsets = positions[..., None] - torch.arange(cells, device=positions.device)
    return (1 - offsets.abs()).clamp_min(0)


class Projection(nn.Module):
    """The projection of patch embeddings to one embedding per image: cosines with the rows of one matrix per patch."""

    def __init__(self, patches: int, width: int, dimension: int, learn: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(patches, dimension, width), requires_grad=learn)

    def forward(self, patches: Float[Tensor, "b p e"]) -> Float[Tensor, "b k"]:
        """The concatenated cosines of all patches, k = p times `dimension`."""
        return torch.einsum("bpe,pke->bpk", patches, unit(self.weight)).flatten(1)
