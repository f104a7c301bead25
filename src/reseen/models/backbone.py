"""Any timm backbone by name, with its starting weights, a finer last stage and frozen first stages.

Keep the last feature map twice as fine: set the stride of a backbone's last stage to 1.

Reference: Luo et al., "Bag of tricks and a strong baseline for deep person re-identification", 2019, section 3.5.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from reseen.config import suggestion
from reseen.errors import SettingsError, WeightsError
from reseen.models.hub import weights_at_hand
from reseen.models.settings import ModelSettings
from reseen.models.weights import load_backbone_weights

_PROBE = 64


@dataclass
class _Strided:
    """A module that halves its input, and the height of that input for a probe image."""

    module: nn.Module
    input_height: int


def refine_last_stage(backbone: nn.Module) -> bool:
    """Set stride 1 on every strided convolution and pooling of the last stage, in place.

    Returns False, and changes nothing, where the backbone does not allow it: transformers, and stages that
    shrink by a kernel without padding (ConvNeXt), whose weights would see another picture at stride 1.
    """
    strided = _find_strided(backbone)
    if len({item.input_height for item in strided}) < 2:
        return False
    last = [item.module for item in strided if item.input_height == min(s.input_height for s in strided)]
    if not all(_keeps_size_at_stride_one(module) for module in last):
        return False
    for module in last:
        module.stride = (1, 1) if isinstance(module, nn.Conv2d) else 1  # type: ignore[assignment]
        if isinstance(module, nn.AvgPool2d):
            module.kernel_size, module.padding = 1, 0  # a shortcut's pooling has nothing left to shrink
    return True


def _find_strided(backbone: nn.Module) -> list[_Strided]:
    found: list[_Strided] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        found.append(_Strided(module, inputs[0].shape[-2]))

    kinds = (nn.Conv2d, nn.AvgPool2d, nn.MaxPool2d)
    hooks = [
        module.register_forward_hook(note)
        for module in backbone.modules()
        if isinstance(module, kinds) and _stride(module) == 2
    ]
    training = backbone.training
    backbone.eval()
    try:
        with torch.no_grad():
            backbone(torch.zeros(1, 3, 2 * _PROBE, _PROBE))
    except (AssertionError, RuntimeError):  # a fixed input size: a transformer, nothing to refine
        return []
    finally:
        backbone.train(training)
        for hook in hooks:
            hook.remove()
    return found


def _stride(module: nn.Module) -> int:
    return _first(getattr(module, "stride", 1))


def _keeps_size_at_stride_one(module: nn.Module) -> bool:
    if isinstance(module, nn.AvgPool2d):
        return True
    return isinstance(module, nn.Conv2d | nn.MaxPool2d) and _first(module.kernel_size) % 2 == 1


def _first(size: int | tuple[int, ...]) -> int:
    return size[0] if isinstance(size, tuple) else size


_STAGE = re.compile(r"(layer|stage|block)s?_?\d+")
"""Children that are a stage by their name."""

PERSON_SIZE = (256, 128)
"""Height and width in pixels for backbones made for square pictures: people are tall."""


@dataclass(frozen=True)
class Backbone:
    """A trunk without pooling and head, and what is known of it."""

    trunk: nn.Module
    width: int
    """Channels of the map or length of the tokens."""
    tokens: bool
    """True for transformers, whose output is (b, t, d)."""
    channels_first: bool
    grid: tuple[int, int] | None
    """Rows and columns of the map, or of a transformer's patches; None where patches are no grid."""
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    frozen: tuple[str, ...]
    """Names of the stages that keep their starting weights and statistics."""
    notes: tuple[str, ...]


def backbone_size(name: str) -> tuple[int, int]:
    """The input height and width that `name` was made for, or 256 x 128 where that is a square."""
    config = _pretrained_config(name)
    height, width = config.input_size[-2:]
    return (height, width) if height != width else PERSON_SIZE


def build_backbone(settings: ModelSettings, height: int, width: int) -> Backbone:
    """Create the trunk of `settings.backbone` for crops of `height` x `width` pixels.

    Raises:
        SettingsError: timm has no such model.
        WeightsError: the weights cannot be had or do not fit.
    """
    config = _pretrained_config(settings.backbone)
    trunk = _create(settings, height, width)
    notes = [_start_weights(trunk, settings)]
    if settings.last_stride == 1 and not _is_transformer(trunk):
        refined = refine_last_stage(trunk)
        notes.append("last stage: stride 1" if refined else "last stage: stride kept, this backbone needs it")
    frozen = _freeze(trunk, settings)
    if frozen:
        notes.append(f"frozen: {', '.join(frozen)}")
    with torch.no_grad():
        trunk.eval()
        sample = trunk(torch.zeros(1, 3, height, width))
        trunk.train()
    tokens = sample.ndim == 3
    channels_first = not tokens and getattr(trunk, "output_fmt", "NCHW") != "NHWC"
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
    config = timm.get_pretrained_cfg(name)
    return config if config is not None else timm.models.PretrainedCfg()


def _create(settings: ModelSettings, height: int, width: int) -> nn.Module:
    options: dict[str, Any] = {"num_classes": 0, "global_pool": ""}
    if settings.drop_path:
        options["drop_path_rate"] = settings.drop_path
    try:
        try:
            trunk = timm.create_model(settings.backbone, img_size=(height, width), **options)
            options["img_size"] = (height, width)
        except TypeError:  # convolutional models take any size and know no img_size
            trunk = timm.create_model(settings.backbone, **options)
    except Exception as error:
        raise SettingsError(
            f"model.backbone: timm cannot build '{settings.backbone}' for {height} x {width} pixels: {error}"
        ) from None
    if settings.weights != "hub":
        return trunk
    cached = weights_at_hand(settings.backbone)
    if cached is not None:
        options["pretrained_cfg_overlay"] = {"file": str(cached)}
    try:  # only now: what fails here is the weights, not the settings
        return timm.create_model(settings.backbone, pretrained=True, **options)
    except Exception as error:
        raise WeightsError(
            f"model.weights: 'hub' gave no weights for '{settings.backbone}' "
            f"({error.__class__.__name__}); give the path of a safetensors file, or 'none' to start from scratch"
        ) from None


def _start_weights(trunk: nn.Module, settings: ModelSettings) -> str:
    if settings.weights == "hub":
        return f"weights: timm's own for {settings.backbone}"
    if settings.weights == "none":
        return "weights: none, random start"
    return load_backbone_weights(trunk, Path(settings.weights).expanduser())


def _is_transformer(trunk: nn.Module) -> bool:
    return hasattr(trunk, "pos_embed") or hasattr(trunk, "cls_token")


def _freeze(trunk: nn.Module, settings: ModelSettings) -> tuple[str, ...]:
    stages = stages_of(trunk)
    if settings.frozen_stages >= len(stages):
        raise SettingsError(
            f"model.frozen_stages: {settings.backbone} has {len(stages)} stages with the stem, "
            f"found {settings.frozen_stages}; at least one must learn"
        )
    frozen = tuple(name for stage in stages[: settings.frozen_stages] for name in stage)
    for name in frozen:
        trunk.get_submodule(name).requires_grad_(False)
    return frozen


def stages_of(trunk: nn.Module) -> list[list[str]]:
    """Names of the modules of the stem (all before the first stage), then of each stage; the rest is left out."""
    stem: list[str] = []
    stages: list[list[str]] = []
    for name, child in trunk.named_children():
        if not any(True for _ in child.parameters()):
            continue
        if name in {"blocks", "stages", "layers"} and isinstance(child, nn.Sequential | nn.ModuleList):
            stages += [[f"{name}.{index}"] for index in range(len(child))]
        elif _STAGE.fullmatch(name):
            stages.append([name])
        elif not stages:
            stem.append(name)
    return [stem, *stages] if stem else stages


def as_map(output: Tensor, channels_first: bool) -> Tensor:
    """Bring a map to (b, d, y, x)."""
    return output if channels_first else output.permute(0, 3, 1, 2)
