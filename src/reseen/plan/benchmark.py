"""The stages that most work has: decoding crops and time_encoder at them with the encoder.

What it takes until work begins: Python and the libraries.

The encoder of a plan: a run's, or an untrained one of a recipe, which is as fast.

What embedding and indexing begin with: decode crops, and look at them with the encoder.
"""

import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from reseen.data.crops import Crops, open_crops
from reseen.data.settings import DataSettings
from reseen.data.table import ImageTable
from reseen.features.extract import BATCH, extract
from reseen.models import Encoder
from reseen.models.backbone import backbone_size
from reseen.plan.cost_model import Measured
from reseen.plan.estimate import PlanStage
from reseen.plan.sample import repeated, sample_table
from reseen.runs.console import Progress
from reseen.runs.device import device_of
from reseen.runs.recipe import Recipe
from reseen.runs.run import Run

_BATCHES, _PATIENCE_SECONDS = 4, 4.0
SAMPLE = 512
"""Crops that are decoded and looked at."""


def decoding(table: ImageTable, settings: DataSettings, height: int, width: int) -> tuple[Crops, Measured]:
    """Decode the sample, timed.

    Raises:
        ImagesError: too many of the crops cannot be read.
    """
    measured = Measured("decoding crops")
    with measured.at(len(table)):
        crops = open_crops(table, settings, height, width, progress=False)
    return crops, measured


def decoding_stage(measured: Measured, settings: DataSettings, crops: Crops, images: int) -> PlanStage:
    """Decoding at another size; nothing is kept where that would not fit into the cache."""
    seconds = measured.seconds[0] / measured.sizes[0] * images
    disk = float(images) * crops.store.height * crops.store.width * 3
    return PlanStage(
        measured.name, seconds, measured.memory[0], disk if disk <= settings.cache_gigabytes * 1e9 else 0.0
    )


def time_encoder(
    name: str, encoder: Encoder, crops: Crops, device: torch.device, mirrored: bool = False
) -> Measured:
    """Time the encoder over a batch after one that is not timed, or over several where they are done soon.

    Batches that follow each other are read while the one before is looked at, so that one alone takes longer.
    """
    measured = Measured(name)
    began = time.perf_counter()
    extract(encoder, repeated(crops, BATCH), device, mirrored=mirrored)
    count = BATCH if time.perf_counter() - began > _PATIENCE_SECONDS else _BATCHES * BATCH
    with measured.at(count):
        extract(encoder, repeated(crops, count), device, mirrored=mirrored)
    return measured


def encoder_stage(measured: Measured, dimension: int, images: int, times: float = 1) -> PlanStage:
    """Looking at so many crops, `times` times over; all vectors are held, twice while they get their length."""
    seconds = measured.seconds[0] / measured.sizes[0] * images
    return PlanStage(measured.name, times * seconds, measured.memory[0] + 2.0 * 4 * dimension * images)


@cache
def starting_stage(*modules: str) -> PlanStage:
    """Time another Python that loads `modules` and ends; once per process, as it takes some seconds."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {', '.join(modules)}"], check=True)
    return PlanStage("starting", time.perf_counter() - began)


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


@dataclass(frozen=True)
class EmbeddingStages:
    """The sample, the width of its vectors, and the two stages at the size that was asked for."""

    table: ImageTable
    dimension: int
    stages: tuple[PlanStage, ...]


def embedding_stages(
    source: Run | Recipe,
    images: int,
    data: str | Path | ImageTable | None,
    folder: Path,
    progress: Progress,
) -> EmbeddingStages:
    """Rehearse both stages in `folder`. Vectors are written part by part and never held all at once.

    Raises:
        DataError: `data` cannot be read.
        SettingsError: the recipe asks for a device that is not there.
    """
    model = planned_model(source, folder / "cache")
    encoder = model.encoder
    table = sample_table(folder, data, min(SAMPLE, images))
    crops, decoded = decoding(table, model.data, encoder.height, encoder.width)
    progress(1)
    looked = time_encoder("embedding", encoder, crops, model.device)
    progress(1)
    stages = (
        decoding_stage(decoded, model.data, crops, images),
        encoder_stage(looked, 0, images),
    )
    return EmbeddingStages(table, encoder.dimension, stages)
