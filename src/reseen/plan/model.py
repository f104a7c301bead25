"""The encoder of a plan: a run's, or an untrained one of a recipe, which is as fast."""

from dataclasses import dataclass
from pathlib import Path

import torch

from reseen.data.settings import DataSettings
from reseen.engine.prepare import device_of
from reseen.engine.recipe import Recipe
from reseen.engine.run import Run
from reseen.models import Encoder
from reseen.models.backbone import backbone_size


@dataclass(frozen=True)
class PlannedModel:
    """An encoder on its device, and how crops come to it."""

    encoder: Encoder
    device: torch.device
    data: DataSettings


def planned_model(source: Run | Recipe, cache: Path) -> PlannedModel:
    """Make or load the encoder; what is decoded lies in `cache`.

    Raises:
        RunError: the run's checkpoint is damaged.
        SettingsError: the recipe asks for a device that is not there.
    """
    recipe = source.recipe if isinstance(source, Run) else source
    if isinstance(source, Run):
        encoder = source.encoder()
    else:
        height, width = backbone_size(recipe.model.backbone)
        settings = recipe.model.model_copy(update={"weights": "none", "start": None})
        encoder = Encoder(settings, recipe.data.height or height, recipe.data.width or width).eval()
    device = torch.device(device_of(recipe))
    return PlannedModel(encoder.to(device), device, recipe.data.model_copy(update={"cache_dir": cache}))
