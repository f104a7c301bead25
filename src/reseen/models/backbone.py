"""Builds any timm backbone as a trunk: initial weights, last stride 1, frozen first stages."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
from torch import Tensor, nn

from reseen.config import suggestion
from reseen.errors import SettingsError, WeightsError
from reseen.models.hub import cached_weights
from reseen.models.last_stride import refine_last_stage
from reseen.models.settings import ModelSettings
from reseen.models.stages import loose_parameters, stages_of
from reseen.models.trial import probe_trunk
from reseen.models.weights import load_backbone_weights

PERSON_SIZE = (256, 128)
"""Default height and width in pixels for backbones pretrained on square images."""

_UNSEEN = 1 / 32
"""Largest fraction of rows or columns at a crop's edges that may not reach the output: convolutions without padding
drop a few."""

_STEPS = (16, 32, 14, 64)
"""Patch sizes and total strides: a suggested crop size is a multiple of one of these."""


@dataclass(frozen=True)
class Backbone:
    """A timm model without pooling and head, with its output format and normalization."""

    trunk: nn.Module
    width: int
    """Channels of the feature map, or dimension of the tokens."""
    tokens: bool
    """True for transformers, whose output is (b, t, d)."""
    channels_first: bool
    grid: tuple[int, int] | None
    """Rows and columns of the map, or of a transformer's patch tokens; None where tokens do not form a grid."""
    mean: tuple[float, float, float]
    """Per-channel mean for input normalization, for values 0 to 1."""
    std: tuple[float, float, float]
    """Per-channel standard deviation for input normalization."""
    frozen: tuple[str, ...]
    """Names of the frozen modules of the trunk."""
    notes: tuple[str, ...]
    """Messages about what was loaded and changed; the first is about the weights."""


def backbone_size(name: str) -> tuple[int, int]:
    """The pretraining height and width of the timm model `name`, or 256 x 128 where these are equal.

    Raises:
        SettingsError: timm has no such model or tag.
    """
    config = _pretrained_config(name)
    height, width = config.input_size[-2:]
    return (height, width) if height != width else PERSON_SIZE


def build_backbone(settings: ModelSettings, height: int, width: int) -> Backbone:
    """Build the trunk of `settings.backbone` for crops of `height` x `width` pixels.

    Raises:
        SettingsError: timm has no such model or tag, the model does not support this crop size, or it would ignore the
            last rows or columns.
        WeightsError: the weights are not available or do not fit.
    """
    config = _pretrained_config(settings.backbone)
    trunk = _create(settings, height, width)
    notes = [_start_weights(trunk, settings)]
    sample, note = _refine_and_try(trunk, settings, height, width)
    notes += note
    frozen = _freeze(trunk, settings)
    if frozen:
        notes.append(f"frozen: {', '.join(frozen)}")
    tokens = sample.ndim == 3
    channels_first = not tokens and _is_channels_first(trunk, sample)
    return Backbone(
        trunk=trunk,
        width=sample.shape[1] if channels_first else sample.shape[-1],
        tokens=tokens,
        channels_first=channels_first,
        grid=_grid(trunk, sample, channels_first),
        mean=_channels(config.mean),
        std=_channels(config.std),
        frozen=frozen,
        notes=tuple(notes),
    )


def _refine_and_try(
    trunk: nn.Module, settings: ModelSettings, height: int, width: int
) -> tuple[Tensor, list[str]]:
    """The trunk's output for one crop, after setting the last stride to 1 if requested and possible, and notes."""
    restore, notes = None, []
    if settings.last_stride == 1 and not _is_transformer(trunk):
        restore = refine_last_stage(trunk)
        notes.append("last stage: stride 1" if restore else "last stage: stride kept, this backbone needs it")
    try:
        try:
            probe = probe_trunk(trunk, height, width)
        except Exception:
            if restore is None:
                raise
            restore()  # a later layer depends on the size of the map
            notes = ["last stage: stride kept, this backbone needs it"]
            probe = probe_trunk(trunk, height, width)
        if probe.output.ndim not in (3, 4):
            raise TypeError("its output is one vector, not a feature map or tokens")
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise SettingsError(
            f"model.backbone: {settings.backbone} does not support crops of {height} x {width} pixels "
            f"({reason}){_suggested_size(settings, height, width)}"
        ) from None
    rows, columns = probe.unseen
    if rows > _UNSEEN * height or columns > _UNSEEN * width:
        raise SettingsError(
            f"model.backbone: {settings.backbone} ignores {rows} of {height} rows and {columns} of {width} columns at "
            f"the edges of a crop{_suggested_size(settings, height, width)}"
        )
    if rows or columns:
        notes.append(f"ignored at the edges of a crop: {rows} rows and {columns} columns of pixels")
    return probe.output, notes


def _suggested_size(settings: ModelSettings, height: int, width: int) -> str:
    """The end of an error message: a crop size close to the requested one that this backbone supports, verified."""
    native = _pretrained_config(settings.backbone).input_size[-2:]
    near = [(_multiple(height, step), _multiple(width, step)) for step in _STEPS]
    for size in dict.fromkeys([*near, PERSON_SIZE, native]):
        if size == (height, width):
            continue
        try:
            probe = probe_trunk(_create(settings.model_copy(update={"weights": "none"}), *size), *size)
        except Exception:
            continue
        if probe.output.ndim in (3, 4) and probe.unseen == (0, 0):
            return f"; {size[0]} x {size[1]} works: --data.height {size[0]} --data.width {size[1]}"
    return "; use another backbone"


def _multiple(pixels: int, step: int) -> int:
    return max(step, round(pixels / step) * step)


def _is_channels_first(trunk: nn.Module, sample: Tensor) -> bool:
    width = getattr(trunk, "num_features", None)
    if width in (sample.shape[1], sample.shape[3]) and sample.shape[1] != sample.shape[3]:
        return width == sample.shape[1]
    return getattr(trunk, "output_fmt", "NCHW") != "NHWC"


def load_trunk(name: str, file: Path) -> nn.Module:
    """The timm model `name` without its classifier, at its native input size, with weights from a safetensors file.

    Raises:
        SettingsError: timm has no such model.
        WeightsError: the file does not contain the weights of this model.
    """
    config = _pretrained_config(name)
    settings = ModelSettings(backbone=name, weights="none")
    trunk = _create(settings, *config.input_size[-2:])
    load_backbone_weights(trunk, file, name)
    return trunk


def _grid(trunk: nn.Module, sample: Tensor, channels_first: bool) -> tuple[int, int] | None:
    if sample.ndim == 3:
        rows, columns = getattr(getattr(trunk, "patch_embed", None), "grid_size", (0, 0))
        prefix = int(getattr(trunk, "num_prefix_tokens", 1))
        return (int(rows), int(columns)) if rows * columns == sample.shape[1] - prefix else None
    rows, columns = sample.shape[2:] if channels_first else sample.shape[1:3]
    return int(rows), int(columns)


def _channels(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return red, green, blue


def _pretrained_config(name: str) -> timm.models.PretrainedCfg:
    if not timm.is_model(name.partition(".")[0]):
        raise SettingsError(
            f"model.backbone: timm has no model '{name}'{suggestion(name, timm.list_models())}"
        )
    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError:
        model, _, tag = name.partition(".")
        tags = [known.partition(".")[2] for known in timm.list_models(f"{model}.*", pretrained=True)]
        known = f"; available: {', '.join(tags)}" if tags else f"; use the name without a tag: {model}"
        raise SettingsError(
            f"model.backbone: timm has no weights '{tag}' for {model}{suggestion(tag, tags)}{known}"
        ) from None
    return config if config is not None else timm.models.PretrainedCfg()


def _create(settings: ModelSettings, height: int, width: int) -> nn.Module:
    options: dict[str, Any] = {"num_classes": 0, "global_pool": ""}
    if settings.drop_path:
        options["drop_path_rate"] = settings.drop_path
    try:
        try:
            trunk = timm.create_model(settings.backbone, img_size=(height, width), **options)
            options["img_size"] = (height, width)
        except TypeError:  # convolutional models take any size and have no img_size
            trunk = timm.create_model(settings.backbone, **options)
    except Exception as error:
        raise SettingsError(
            f"model.backbone: timm cannot build '{settings.backbone}' for {height} x {width} pixels: "
            f"{str(error) or type(error).__name__}"
        ) from None
    if settings.weights != "hub":
        return trunk
    cached = cached_weights(settings.backbone)
    if cached is not None:
        options["pretrained_cfg_overlay"] = {"file": str(cached)}
    try:  # the model was built above, so a failure here is about the weights
        return timm.create_model(settings.backbone, pretrained=True, **options)
    except Exception as error:
        raise WeightsError(
            f"model.weights: no weights for '{settings.backbone}' from 'hub' "
            f"({error.__class__.__name__}); give the path of a safetensors file, or 'none' to train from scratch"
        ) from None


def _start_weights(trunk: nn.Module, settings: ModelSettings) -> str:
    if settings.weights == "hub":
        return f"weights: timm's pretrained weights for {settings.backbone}"
    if settings.weights == "none":
        return "weights: none, random initialization"
    return load_backbone_weights(trunk, Path(settings.weights).expanduser(), settings.backbone)


def _is_transformer(trunk: nn.Module) -> bool:
    return hasattr(trunk, "pos_embed") or hasattr(trunk, "cls_token")


def _freeze(trunk: nn.Module, settings: ModelSettings) -> tuple[str, ...]:
    stages = stages_of(trunk)
    if settings.frozen_stages >= len(stages):
        raise SettingsError(
            f"model.frozen_stages: {settings.backbone} has {len(stages)} stages including the stem, "
            f"got {settings.frozen_stages}; at least one must be trained"
        )
    frozen = tuple(name for stage in stages[: settings.frozen_stages] for name in stage)
    for name in frozen:
        trunk.get_submodule(name).requires_grad_(False)
    for parameter in loose_parameters(trunk, settings.frozen_stages):
        parameter.requires_grad_(False)
    return frozen


def as_map(output: Tensor, channels_first: bool) -> Tensor:
    """A feature map as (b, d, y, x), from (b, y, x, d) unless `channels_first`."""
    return output if channels_first else output.permute(0, 3, 1, 2)
