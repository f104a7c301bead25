"""The map that patches are cut from: the trunk's last one, or the output of an earlier stage.

A cell of a late map depends on most of the crop, so a window on it is not a part of the crop. A cell of an earlier
stage depends on a smaller square of pixels around it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from reseen.errors import SettingsError
from reseen.models.backbone import Backbone, as_map
from reseen.models.frozen_front import hooked
from reseen.models.patches import Patches
from reseen.models.settings import ModelSettings
from reseen.models.stages import stages_of


class TrunkMaps(NamedTuple):
    """What a trunk gives for a batch of images in one pass."""

    last: Tensor
    """Its output, from which whole images are embedded: a map (b, d, y, x), or tokens (b, t, d)."""
    patches: Tensor
    """The map that patches are cut from, (b, c, v, u); `last` itself unless `model.patches.stage` is set."""


def stage_module(settings: ModelSettings, backbone: Backbone) -> str | None:
    """Name of the module whose output is the map of `model.patches.stage`; None for the trunk's last map.

    Stages are counted as by `model.frozen_stages`: 1 is the stem.

    Raises:
        SettingsError: the backbone has no such stage or outputs tokens, or later stages are frozen.
    """
    patches = settings.patches
    if patches is None or patches.stage is None:
        return None
    if backbone.tokens:
        raise SettingsError(
            f"model.patches.stage: {settings.backbone} outputs tokens, which all depend on the whole crop in every "
            "stage; leave it out, or use a convolutional backbone"
        )
    stages = stages_of(backbone.trunk)
    if patches.stage > len(stages):
        raise SettingsError(
            f"model.patches.stage: {settings.backbone} has {len(stages)} stages including the stem, got "
            f"{patches.stage}; use at most {len(stages)}, or leave it out for the last map"
        )
    if patches.stage < settings.frozen_stages:
        raise SettingsError(
            f"model.patches.stage: {patches.stage} is before the last of {settings.frozen_stages} frozen stages, of "
            f"which only the last one's output is kept; use at least {settings.frozen_stages}, or freeze at most "
            f"{patches.stage} (model.frozen_stages)"
        )
    return stages[patches.stage - 1][-1]


def build_patches(settings: ModelSettings, backbone: Backbone, height: int, width: int) -> Patches | None:
    """The patch embeddings of `settings.patches` for crops of `height` x `width` pixels; None without them.

    Raises:
        SettingsError: the settings do not fit the backbone or its map.
    """
    patches = settings.patches
    if patches is None:
        return None
    if settings.feature == "raw":
        raise SettingsError("model.patches: patches need unit vectors; set model.feature to 'sphere'")
    if backbone.grid is None:
        raise SettingsError(
            f"model.patches: the output of {settings.backbone} is not a feature map; use another backbone"
        )
    module = stage_module(settings, backbone)
    if module is None:
        return Patches(patches, backbone.width, backbone.grid)
    maps = _probed(backbone, module, height, width)
    if maps is None:
        raise SettingsError(
            f"model.patches.stage: the output of stage {patches.stage} of {settings.backbone} ({module}) is not one "
            "feature map; use another stage, or leave it out for the last map"
        )
    return Patches(patches, maps.shape[1], (maps.shape[2], maps.shape[3]))


def with_stage(trunk: nn.Module, module: str, run: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
    """The result of `run`, which runs `trunk` once, and the output of the submodule named `module` in it.

    The latter is a copy, since later modules may change it in place; gradients flow through it.

    Raises:
        ValueError: the module was not run once, or its output is not a tensor.
    """
    outputs: list[Any] = []

    def keep(_module: nn.Module, _input: Any, output: Any) -> None:
        outputs.append(output.clone() if isinstance(output, Tensor) else output)

    with hooked(trunk, module, keep):
        result = run()
    if len(outputs) != 1 or not isinstance(outputs[0], Tensor):
        raise ValueError(f"the trunk's module {module} was not run once with a tensor as its output")
    return result, outputs[0]


@torch.no_grad()
def _probed(backbone: Backbone, module: str, height: int, width: int) -> Tensor | None:
    """The map of a stage for one black crop; None if the stage does not output one."""
    trunk, training = backbone.trunk, backbone.trunk.training
    device = next(trunk.parameters()).device
    trunk.eval()
    try:
        image = torch.zeros(1, 3, height, width, device=device)
        _, output = with_stage(trunk, module, lambda: trunk(image))
    except ValueError:
        return None
    finally:
        trunk.train(training)
    return as_map(output, backbone.channels_first) if output.ndim == 4 else None
