"""Images to unit vectors: trunk, pooling, BNNeck, patches beside them; or to vectors with their lengths, to compare.

The neck's batch norm puts all channels on one scale before the vector is projected on the sphere; its bias stays
zero so that the sphere keeps its center. Reference: Luo et al. 2019, section 3.6.
"""

from collections.abc import Iterator
from typing import Literal, Self

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from reseen.errors import SettingsError
from reseen.geometry import unit
from reseen.models.backbone import Backbone, as_map, build_backbone
from reseen.models.batch_shard import BatchShard
from reseen.models.norm import fix_norm_groups
from reseen.models.patches import Patches
from reseen.models.pooling import AveragePooling, GeneralizedMeanPooling, Pooling, TokenPooling
from reseen.models.settings import ModelSettings


class Encoder(nn.Module):
    """A backbone, pooling and BNNeck; `forward` gives one vector per image, of length 1 unless they are raw.

    Attributes:
        channels: numbers of the vector of the whole image.
        part: what vectors are made of where there are patches: the whole image, patches, or both.
        channels_first: whether the trunk keeps maps as (b, d, y, x); else they are (b, y, x, d).
        grid: rows and columns of the map or of a transformer's patches, None where those are no grid.
        frozen: names of the stages of the trunk that keep their starting weights, in order.
        raw: whether vectors keep their lengths.
        norm_group: images that share batch-norm statistics, None for the whole batch.
        height: crop height in pixels.
        width: crop width in pixels.
        mean: per-channel mean that images are normalized with, for values 0 to 1.
        std: per-channel standard deviation.
        notes: lines that say what was loaded and changed.
        precision: in what the trunk computes during training where it is not float32; vectors always are.
        share: the part of a training batch that this process sees; all of it, unless it has been shared out.
    """

    def __init__(self, settings: ModelSettings, height: int, width: int) -> None:
        super().__init__()
        backbone = build_backbone(settings, height, width)
        self.trunk = backbone.trunk
        self.pooling = _pooling(settings, backbone)
        self.neck = nn.BatchNorm1d(backbone.width)
        self.neck.bias.requires_grad_(False)
        self.channels, self.grid = backbone.width, backbone.grid
        self.channels_first, self._tokens = backbone.channels_first, backbone.tokens
        self.patches = self._patches(settings)
        self.part: Literal["both", "global", "patch"] = "both"
        norms = fix_norm_groups(self, settings.norm_group)
        self.raw = settings.feature == "raw"
        self.norm_group = settings.norm_group
        self.height, self.width = height, width
        self.mean, self.std = backbone.mean, backbone.std
        group = "the whole batch" if settings.norm_group is None else f"{settings.norm_group} images"
        self.notes = (*backbone.notes, f"batch norm: {norms} layers, statistics over {group}")
        self.frozen = backbone.frozen
        self.precision: torch.dtype | None = None
        self.share = BatchShard()
        self.train()

    @property
    def dimension(self) -> int:
        """Numbers per vector."""
        parts = 0 if self.patches is None else self.patches.count * self.patches.dimension
        return {"both": self.channels + parts, "global": self.channels, "patch": parts}[self.part]

    def train(self, mode: bool = True) -> Self:
        """Switch training mode; frozen stages stay in evaluation mode, so that their statistics keep still."""
        super().train(mode)
        for name in self.frozen:
            self.trunk.get_submodule(name).eval()
        return self

    def maps(self, images: Float[Tensor, "b 3 h w"]) -> Tensor:
        """The trunk's output: a map (b, d, y, x), or tokens (b, t, d) for transformers.

        Where processes share a batch, `images` are this one's part and the output is that of the whole batch.
        """
        if self.precision is None:  # not even a context that does nothing: it would go into exported graphs
            output = self.trunk(images)
        else:
            with torch.autocast(images.device.type, self.precision):
                output = self.trunk(images)
        return self.share.gather(output if self._tokens else as_map(output, self.channels_first))

    def embed(self, maps: Tensor, kept: Bool[Tensor, "b c y x"] | None = None) -> Float[Tensor, "b d"]:
        """Pool what is kept, neck, then unit length, or raw lengths on one common scale."""
        vectors = self.unprojected(maps, kept)
        return vectors / self.dimension**0.5 if self.raw else unit(vectors)

    def unprojected(self, maps: Tensor, kept: Bool[Tensor, "b c y x"] | None = None) -> Float[Tensor, "b d"]:
        """The neck's vectors with their lengths, which the sphere takes away."""
        return self.neck(self.pooling(maps, kept)).float()

    def frames(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Vectors to average over a video: with their lengths, where they are not put together from patches."""
        whole = self.patches is None or self.part == "global"
        return self.unprojected(self.maps(images)) if whole else self(images)

    def cells(self, maps: Tensor) -> Float[Tensor, "b d y x"]:
        """The trunk's output as a map; a transformer's patch tokens take their places in the `grid`.

        Raises:
            ValueError: they are no grid.
        """
        if not self._tokens:
            return maps
        if self.grid is None or not isinstance(self.pooling, TokenPooling):
            raise ValueError("these tokens are no grid")
        return maps[:, self.pooling.prefix_tokens :].transpose(1, 2).reshape(maps.shape[0], -1, *self.grid)

    def look_at_patches(self, maps: Tensor) -> Float[Tensor, "b p e"]:
        """A unit vector per patch.

        Raises:
            ValueError: the encoder has none.
        """
        if self.patches is None:
            raise ValueError("this encoder has no patches; set model.patches")
        return self.patches(self.cells(maps))

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Vectors, float32 whatever the precision of the trunk; with patches, of the `part` that is set.

        Of both, the vector of the whole image comes first, then the patches, which together weigh as
        `model.patches.weight` says: the cosine of two vectors is the weighted mean of the blocks' cosines.
        """
        maps = self.maps(images)
        if self.patches is None or self.part == "global":
            return self.embed(maps)
        patches = self.look_at_patches(maps).flatten(1)
        if self.part == "patch":
            return unit(patches)
        return unit(torch.cat([self.embed(maps), self._patch_weight * unit(patches)], dim=1))

    def unsettled(
        self, images: Float[Tensor, "b 3 h w"]
    ) -> Iterator[tuple[nn.BatchNorm1d, Float[Tensor, "b k"]]]:
        """Every batch norm behind the trunk, with what it is given for these images."""
        maps = self.maps(images)
        yield self.neck, self.pooling(maps)
        if self.patches is not None:
            yield self.patches.norm, self.patches.project(self.cells(maps))

    def _patches(self, settings: ModelSettings) -> Patches | None:
        wanted = settings.patches
        if wanted is None:
            return None
        self._patch_weight = wanted.weight**0.5
        if settings.feature == "raw":
            raise SettingsError(
                "model.patches: patches are put together on the sphere; take feature 'sphere'"
            )
        if self.grid is None:
            raise SettingsError(
                f"model.patches: what {settings.backbone} gives is no map to cut; take another backbone"
            )
        return Patches(wanted, self.channels, self.grid)


def _pooling(settings: ModelSettings, backbone: Backbone) -> Pooling:
    if backbone.tokens:
        if settings.pooling == "gem":
            raise SettingsError(
                f"model.pooling: {settings.backbone} gives tokens, gem needs a map; use 'token' or 'average'"
            )
        prefix = int(getattr(backbone.trunk, "num_prefix_tokens", 1))
        return TokenPooling(prefix, average=settings.pooling == "average" or prefix == 0)
    if settings.pooling == "token":
        raise SettingsError(
            f"model.pooling: {settings.backbone} gives a map, it has no token; use 'gem' or 'average'"
        )
    return AveragePooling() if settings.pooling == "average" else GeneralizedMeanPooling()


def count_parameters(encoder: nn.Module) -> int:
    """Numbers that training may change."""
    return sum(parameter.numel() for parameter in encoder.parameters() if parameter.requires_grad)
