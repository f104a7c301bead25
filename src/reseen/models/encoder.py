"""The encoder: images to embeddings by trunk, pooling and BNNeck, optionally with patch embeddings.

The neck's batch norm puts all channels on one scale before the embedding is normalized to unit length; its bias is
fixed at zero, so that embeddings stay centered. For comparison, embeddings can also keep their lengths, and pooled
features can be embeddings themselves, without a neck.

Reference: Luo et al., "Bag of tricks and a strong baseline for deep person re-identification", CVPR workshops 2019,
section 3.6.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Literal, Self

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from reseen.errors import SettingsError
from reseen.geometry import unit
from reseen.models.arithmetic import Arithmetic
from reseen.models.backbone import as_map, build_backbone
from reseen.models.batch_shard import BatchShard
from reseen.models.depthwise import use_float_gradients
from reseen.models.frozen_front import AbstractFront
from reseen.models.norm import GroupBatchNorm1d, use_group_norms
from reseen.models.patch_stage import TrunkMaps, build_patches, stage_module, with_stage
from reseen.models.pooling import TokenPooling, build_pooling
from reseen.models.settings import ModelSettings
from reseen.models.sharded_trunk import shard_trunk
from reseen.models.whitening import Whitening

Part = Literal["both", "global", "patch"]
"""Which embeddings an encoder with patches returns."""


class Encoder(nn.Module):
    """A backbone, pooling and BNNeck; `forward` returns one embedding per image, of unit length unless `raw`.

    Args:
        settings: backbone, pooling, patches and batch norm.
        height: crop height in pixels.
        width: crop width in pixels.
        part: with patches, which embeddings `forward` returns: `global`, `patch`, or `both`.
        arithmetic: how the trunk computes; embeddings are always float32.
        shard: this process's shard of the training batch; the whole batch if None.
        origin: the message about where the weights come from, where that is not `settings`.

    Raises:
        SettingsError: the settings do not fit the backbone, the backbone does not support this crop size, or it
            depends on how the batch is split.
        WeightsError: the weights are not available or do not fit.

    Attributes:
        settings: what it was built from.
        channels: dimension of the global (whole-image) embedding.
        part: which embeddings `forward` returns.
        channels_first: whether the trunk's maps are (b, d, y, x), not (b, y, x, d).
        grid: rows and columns of the map or of a transformer's patch tokens, None where those do not form a grid.
        frozen: names of the frozen modules of the trunk, in order.
        raw: whether embeddings are not normalized.
        norm_group: images that share batch-norm statistics, None for the whole batch.
        height, width: crop size in pixels.
        mean: per-channel mean for input normalization, for values 0 to 1.
        std: per-channel standard deviation for input normalization.
        notes: messages about what was loaded and changed.
        arithmetic: how the trunk computes.
        patch_stage: the trunk's module whose output patches are cut from; None for the last map.
        front: replaces the frozen stages; None if the trunk computes them. See `frozen_stages`.
        whitening: maps global embeddings of unit length before they are normalized again; None while training.
        shard: this process's shard of the training batch.

    Example:
        encoder = Encoder(ModelSettings(backbone="resnet50"), height=256, width=128).eval()
        embeddings = encoder(images)  # (b, 3, 256, 128) normalized with `mean` and `std`, to (b, 2048) unit rows
    """

    def __init__(
        self,
        settings: ModelSettings,
        height: int,
        width: int,
        *,
        part: Part = "both",
        arithmetic: Arithmetic | None = None,
        shard: BatchShard | None = None,
        origin: str | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        backbone = build_backbone(settings, height, width)
        self.arithmetic = Arithmetic() if arithmetic is None else arithmetic
        self.shard = BatchShard() if shard is None else shard
        self.trunk = backbone.trunk
        self.pooling = build_pooling(settings, backbone, self.arithmetic.fused)
        self.neck = _build_neck(settings, backbone.width)
        self.channels, self.grid = backbone.width, backbone.grid
        self.channels_first, self._tokens = backbone.channels_first, backbone.tokens
        self.patches = build_patches(settings, backbone, height, width)
        self.patch_stage = stage_module(settings, backbone)
        self._patch_weight = 0.0 if settings.patches is None else settings.patches.weight**0.5
        self.part = part
        self.raw = settings.feature == "raw"
        self.norm_group = settings.norm_group
        self.height, self.width = height, width
        self.mean, self.std = backbone.mean, backbone.std
        norms = isinstance(self.neck, nn.BatchNorm1d) + self._prepare_trunk()
        if self.patches is not None:
            norms += use_group_norms(self.patches, settings.norm_group)
        group = "the whole batch" if settings.norm_group is None else f"{settings.norm_group} images"
        weights, *others = backbone.notes
        others.append(f"batch norm: {norms} layers, statistics over {group}")
        self.notes = (weights if origin is None else origin, *others)
        self.frozen = backbone.frozen
        self.front: AbstractFront | None = None
        self.whitening: Whitening | None = None
        self._half_weight: float | None = None
        self.train()

    def _prepare_trunk(self) -> int:
        """Let the trunk compute as arithmetic, shard and groups of batch norm want it; returns its batch norms."""
        if self.arithmetic.fused and self.arithmetic.autocast is not None:
            use_float_gradients(self.trunk)
        if self.shard.size > 1:
            return shard_trunk(self.trunk, self.norm_group, self.shard)
        return use_group_norms(self.trunk, self.norm_group, fused=self.arithmetic.fused)

    @property
    def dimension(self) -> int:
        """Dimension of the embeddings that `forward` returns."""
        if self._half_weight is not None:
            return 3 * self.channels
        parts = 0 if self.patches is None else self.patches.count * self.patches.dimension
        return {"both": self.channels + parts, "global": self.channels, "patch": parts}[self.part]

    def train(self, mode: bool = True) -> Self:
        """Set training mode; frozen stages stay in evaluation mode, so that their statistics do not change."""
        super().train(mode)
        for name in self.frozen:
            self.trunk.get_submodule(name).eval()
        return self

    def maps(self, images: Float[Tensor, "b 3 h w"]) -> Tensor:
        """The trunk's output: a map (b, d, y, x), or tokens (b, t, d) for transformers.

        In data-parallel training `images` is this process's shard and the output is that of the whole batch.
        """
        return self.trunk_maps(images).last

    def trunk_maps(self, images: Float[Tensor, "b 3 h w"]) -> TrunkMaps:
        """What `maps` returns, and the map that patches are cut from, in one pass."""
        trunk, front = self.trunk, self.front
        with self.arithmetic.context(images.device.type):
            return self.collect_maps(lambda: trunk(images) if front is None else front.through(trunk, images))

    def compute_frozen_with(self, front: AbstractFront | None) -> None:
        """Let `front` compute the frozen stages from now on, or the trunk itself if None."""
        self.front = front

    def with_trunk(self, trunk: nn.Module, arithmetic: Arithmetic) -> "Encoder":
        """An encoder with another trunk of the same output; pooling, neck and patches are those of this one."""
        twin = copy.copy(self)
        twin._modules = {**self._modules, "trunk": trunk}
        twin.arithmetic, twin.front = arithmetic, None
        return twin

    def with_halves(self, weight: float) -> "Encoder":
        """An encoder of the same modules whose embeddings are those of the whole map, its upper and its lower half.

        Each of the three blocks is pooled alike and scaled to unit length, then by the square root of its weight:
        `weight` for each half, 0 to 0.5, and the rest for the whole. The squared distance of two embeddings is so the
        weighted sum of those of the blocks. A row in the middle of the map is in both halves.

        Raises:
            SettingsError: the backbone outputs tokens, which have no upper and lower half.
        """
        if self._tokens:
            raise SettingsError(
                f"method.part_blend.half_weight: {self.settings.backbone} outputs tokens, halves need a feature map; "
                "set it to 0, or use a convolutional backbone"
            )
        twin = copy.copy(self)
        twin._half_weight = weight
        return twin

    def collect_maps(self, run: Callable[[], Tensor]) -> TrunkMaps:
        """What `trunk_maps` returns, given how to `run` the trunk for this process's images."""
        if self.patch_stage is None:
            output = run()
            last = self.shard.gather(output if self._tokens else as_map(output, self.channels_first))
            return TrunkMaps(last, last)
        last, patches = with_stage(self.trunk, self.patch_stage, run)
        maps = [self.shard.gather(as_map(output, self.channels_first)) for output in (last, patches)]
        return TrunkMaps(*maps)

    def embed(self, maps: Tensor, kept: Bool[Tensor, "b c y x"] | None = None) -> Float[Tensor, "b d"]:
        """Global embeddings of `maps`, pooled over the cells where `kept` is True (all by default).

        They have unit length; with `raw`, they are divided by the square root of the dimension instead.
        """
        vectors = self.unnormalized(maps, kept)
        return vectors / self.dimension**0.5 if self.raw else unit(vectors)

    def unnormalized(self, maps: Tensor, kept: Bool[Tensor, "b c y x"] | None = None) -> Float[Tensor, "b d"]:
        """The output of the BNNeck, or of pooling where there is none, before normalization, float32.

        With a `whitening` it is that of the unit vectors.
        """
        vectors = self.neck(self.pooling(maps, kept)).float()
        return vectors if self.whitening is None else self.whitening(unit(vectors))

    def embed_frames(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Embeddings to average over the frames of a tracklet: not normalized, unless they contain patches."""
        global_only = self.patches is None or self.part == "global"
        return self.unnormalized(self.maps(images)) if global_only else self(images)

    def cells(self, maps: Tensor) -> Float[Tensor, "b d y x"]:
        """The trunk's output as a feature map; a transformer's patch tokens are arranged in the `grid`.

        Raises:
            ValueError: the tokens do not form a grid.
        """
        if not self._tokens:
            return maps
        if self.grid is None or not isinstance(self.pooling, TokenPooling):
            raise ValueError("the tokens of this backbone do not form a grid")
        return maps[:, self.pooling.prefix_tokens :].transpose(1, 2).reshape(maps.shape[0], -1, *self.grid)

    def embed_patches(self, maps: Tensor) -> Float[Tensor, "b p e"]:
        """One unit vector per patch, from the map that patches are cut from (`TrunkMaps.patches`).

        Raises:
            ValueError: the encoder has no patches.
        """
        if self.patches is None:
            raise ValueError("this encoder has no patches; set model.patches")
        return self.patches(self.cells(maps))

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        """Embeddings of the images, float32 regardless of the trunk's precision; with patches, as `part` selects.

        With `both`, the global embedding is followed by the patches, scaled so that the cosine of two embeddings is the
        mean of the global cosine, with weight 1, and the patch cosine, with weight `model.patches.weight`.
        """
        return self.embed_all(self.trunk_maps(images))

    def embed_all(self, maps: TrunkMaps) -> Float[Tensor, "b d"]:
        """What `forward` returns, from the `trunk_maps` of the images."""
        if self._half_weight is not None:
            return self._embed_halves(maps.last, self._half_weight)
        if self.patches is None or self.part == "global":
            return self.embed(maps.last)
        patches = self.embed_patches(maps.patches).flatten(1)
        if self.part == "patch":
            return unit(patches)
        return unit(torch.cat([self.embed(maps.last), self._patch_weight * unit(patches)], dim=1))

    def _embed_halves(self, maps: Float[Tensor, "b c y x"], weight: float) -> Float[Tensor, "b d"]:
        lifted, rows = self.pooling.lift(maps), maps.shape[2]
        regions = (lifted, lifted[:, :, : rows - rows // 2], lifted[:, :, rows // 2 :])
        blocks = [unit(self.neck(self.pooling.gather(region, None)).float()) for region in regions]
        scales = ((1 - 2 * weight) ** 0.5, weight**0.5, weight**0.5)
        return torch.cat([scale * block for scale, block in zip(scales, blocks, strict=True)], dim=1)

    def norm_inputs(
        self, images: Float[Tensor, "b 3 h w"]
    ) -> Iterator[tuple[nn.BatchNorm1d, Float[Tensor, "b k"]]]:
        """Every batch norm behind the trunk, with its input for these images."""
        maps = self.trunk_maps(images)
        if isinstance(self.neck, nn.BatchNorm1d):
            yield self.neck, self.pooling(maps.last)
        if self.patches is not None:
            yield self.patches.norm, self.patches.project(self.cells(maps.patches))

    def norms(self) -> list[nn.BatchNorm1d]:
        """Every batch norm behind the trunk, as `norm_inputs` yields them."""
        neck = [self.neck] if isinstance(self.neck, nn.BatchNorm1d) else []
        return neck if self.patches is None else [*neck, self.patches.norm]


def _build_neck(settings: ModelSettings, width: int) -> nn.Module:
    """The BNNeck, or what leaves pooled features as they are."""
    if settings.neck == "none":
        return nn.Identity()
    neck = GroupBatchNorm1d(nn.BatchNorm1d(width), settings.norm_group)
    neck.bias.requires_grad_(False)
    return neck


def count_parameters(encoder: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(parameter.numel() for parameter in encoder.parameters() if parameter.requires_grad)
