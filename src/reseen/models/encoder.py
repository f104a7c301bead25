"""Images to unit vectors: trunk, pooling, BNNeck; or to the same vectors with their lengths, to compare.

The neck's batch norm puts all channels on one scale before the vector is projected on the sphere; its bias stays
zero so that the sphere keeps its center. Reference: Luo et al. 2019, section 3.6.
"""

from typing import Self

from jaxtyping import Bool, Float
from torch import Tensor, nn

from reseen.errors import SettingsError
from reseen.geometry import unit
from reseen.models.backbone import Backbone, as_map, build_backbone
from reseen.models.norm import fix_norm_groups
from reseen.models.pooling import AveragePooling, GeneralizedMeanPooling, Pooling, TokenPooling
from reseen.models.settings import ModelSettings


class Encoder(nn.Module):
    """A backbone, pooling and BNNeck; `forward` gives one vector per image, of length 1 unless they are raw.

    Attributes:
        dimension: numbers per vector.
        grid: rows and columns of the map or of a transformer's patches, None where those are no grid.
        raw: whether vectors keep their lengths.
        norm_group: images that share batch-norm statistics, None for the whole batch.
        height: crop height in pixels.
        width: crop width in pixels.
        mean: per-channel mean that images are normalized with, for values 0 to 1.
        std: per-channel standard deviation.
        notes: lines that say what was loaded and changed.
    """

    def __init__(self, settings: ModelSettings, height: int, width: int) -> None:
        super().__init__()
        backbone = build_backbone(settings, height, width)
        self.trunk = backbone.trunk
        self.pooling = _pooling(settings, backbone)
        self.neck = nn.BatchNorm1d(backbone.width)
        self.neck.bias.requires_grad_(False)
        norms = fix_norm_groups(self, settings.norm_group)
        self.dimension = backbone.width
        self.raw = settings.feature == "raw"
        self.norm_group = settings.norm_group
        self.grid = backbone.grid
        self.height, self.width = height, width
        self.mean, self.std = backbone.mean, backbone.std
        group = "the whole batch" if settings.norm_group is None else f"{settings.norm_group} images"
        self.notes = (*backbone.notes, f"batch norm: {norms} layers, statistics over {group}")
        self._channels_first = backbone.channels_first
        self._tokens = backbone.tokens
        self._frozen = backbone.frozen
        self.train()

    def train(self, mode: bool = True) -> Self:
        """Switch training mode; frozen stages stay in evaluation mode, so that their statistics keep still."""
        super().train(mode)
        for name in self._frozen:
            self.trunk.get_submodule(name).eval()
        return self

    def maps(self, images: Float[Tensor, "b 3 h w"]) -> Tensor:
        """The trunk's output: a map (b, d, y, x), or tokens (b, t, d) for transformers."""
        output = self.trunk(images)
        return output if self._tokens else as_map(output, self._channels_first)

    def embed(self, maps: Tensor, kept: Bool[Tensor, "b c y x"] | None = None) -> Float[Tensor, "b d"]:
        """Pool what is kept, neck, then unit length, or raw lengths on one common scale."""
        vectors = self.unprojected(maps, kept)
        return vectors / self.dimension**0.5 if self.raw else unit(vectors)

    def unprojected(self, maps: Tensor, kept: Bool[Tensor, "b c y x"] | None = None) -> Float[Tensor, "b d"]:
        """The neck's vectors with their lengths, which the sphere takes away: frames of a video are averaged so."""
        return self.neck(self.pooling(maps, kept)).float()

    def cells(self, maps: Tensor) -> Float[Tensor, "b d y x"]:
        """The trunk's output as a map; a transformer's patch tokens take their places in the `grid`.

        Raises:
            ValueError: they are no grid.
        """
        if not self._tokens:
            return maps
        if self.grid is None or not isinstance(self.pooling, TokenPooling):
            raise ValueError("these tokens are no grid")
        return maps[:, self.pooling.prefix_tokens :].transpose(1, 2).reshape(len(maps), -1, *self.grid)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Vectors, float32 whatever the precision of the trunk."""
        return self.embed(self.maps(images))


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
