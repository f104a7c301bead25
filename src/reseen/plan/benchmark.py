"""Benchmarks of the stages that all kinds of work share: process start-up, decoding crops, and the encoder."""

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
from reseen.plan.cost_model import StageMeasurement
from reseen.plan.estimate import PlanStage
from reseen.plan.sample import repeat_crops, sample_table
from reseen.runs.console import Progress
from reseen.runs.device import device_of
from reseen.runs.recipe import Recipe, as_recipe
from reseen.runs.run import Run, open_run

_BATCHES = 4
"""Batches that are timed."""
_SLOW_SECONDS = 4.0
"""If a batch takes longer, only one is timed."""
SAMPLE = 512
"""Crops that are decoded and embedded."""


def open_source(source: Run | Recipe | str | Path) -> Run | Recipe:
    """A run or a recipe; a path of a folder is that of a run, and other text names a recipe or its YAML file.

    Raises:
        RunError: the folder is not a run.
        SettingsError: there is no such recipe.
    """
    if isinstance(source, Run):
        return source
    if not isinstance(source, Recipe) and Path(source).expanduser().is_dir():
        return open_run(source)
    return as_recipe(source)


def measure_decoding(
    table: ImageTable, settings: DataSettings, height: int, width: int
) -> tuple[Crops, StageMeasurement]:
    """Decode the crops of a table into the cache; return them and the measurement.

    Raises:
        ImagesError: too many crops cannot be read.
    """
    measurement = StageMeasurement("decoding crops")
    with measurement.measure(len(table)):
        crops = open_crops(table, settings, height, width, progress=False)
    return crops, measurement


def decoding_stage(
    measurement: StageMeasurement, settings: DataSettings, crops: Crops, images: int
) -> PlanStage:
    """Decoding extrapolated to `images` crops; no disk space if they exceed the cache limit.

    `crops` provide the size of a decoded crop.
    """
    seconds = measurement.seconds[0] / measurement.sizes[0] * images
    disk = float(images) * crops.store.height * crops.store.width * 3
    return PlanStage(
        measurement.name,
        seconds,
        measurement.memory[0],
        disk if disk <= settings.cache_gigabytes * 1e9 else 0.0,
    )


def time_encoder(
    name: str, encoder: Encoder, crops: Crops, device: torch.device, mirrored: bool = False
) -> StageMeasurement:
    """Measure feature extraction after a warm-up batch.

    Four batches are timed, because the next batch is loaded while one is computed; one if the encoder is slow. With
    `mirrored`, features are also computed of the horizontally flipped crops.
    """
    measurement = StageMeasurement(name)
    start = time.perf_counter()
    extract(encoder, repeat_crops(crops, BATCH), device, mirrored=mirrored)
    count = BATCH if time.perf_counter() - start > _SLOW_SECONDS else _BATCHES * BATCH
    with measurement.measure(count):
        extract(encoder, repeat_crops(crops, count), device, mirrored=mirrored)
    return measurement


def encoder_stage(measurement: StageMeasurement, dimension: int, images: int, times: float = 1) -> PlanStage:
    """Feature extraction of `images` crops, `times` times.

    The memory includes two float32 copies of all features, as during normalization; none with `dimension` 0.
    """
    seconds = measurement.seconds[0] / measurement.sizes[0] * images
    return PlanStage(measurement.name, times * seconds, measurement.memory[0] + 2.0 * 4 * dimension * images)


@cache
def startup_stage(*modules: str) -> PlanStage:
    """Time for a new Python process to import `modules`; cached, because measuring takes seconds."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {', '.join(modules)}"], check=True)
    return PlanStage("start-up", time.perf_counter() - start)


@dataclass(frozen=True)
class PreparedModel:
    """An encoder on its device, and the settings of its input."""

    encoder: Encoder
    device: torch.device
    data: DataSettings


def prepare_model(source: Run | Recipe, cache: Path) -> PreparedModel:
    """Load the encoder of a run, or create the untrained one of a recipe, which is equally fast.

    Decoded crops are cached in the folder `cache`.

    Raises:
        RunError: the checkpoint of the run is damaged.
        SettingsError: the device of the recipe is not available.
    """
    recipe = source.recipe if isinstance(source, Run) else source
    if isinstance(source, Run):
        encoder = source.encoder()
    else:
        height, width = backbone_size(recipe.model.backbone)
        settings = recipe.model.model_copy(update={"weights": "none", "start": None})
        encoder = Encoder(settings, recipe.data.height or height, recipe.data.width or width).eval()
    device = torch.device(device_of(recipe))
    return PreparedModel(encoder.to(device), device, recipe.data.model_copy(update={"cache_dir": cache}))


@dataclass(frozen=True)
class EmbeddingBenchmark:
    """The sample, the dimension of its embeddings, and decoding and embedding at the planned size."""

    table: ImageTable
    dimension: int
    stages: tuple[PlanStage, ...]


def benchmark_embedding(
    source: Run | Recipe,
    images: int,
    data: str | Path | ImageTable | None,
    folder: Path,
    progress: Progress,
    mirrored: bool = False,
) -> EmbeddingBenchmark:
    """Benchmark decoding and embedding in the folder `folder`, and extrapolate to `images` crops.

    Embeddings are written in chunks, so their memory does not grow with `images`. With `mirrored`, features are also
    computed of the horizontally flipped crops.

    Raises:
        DataError: `data` cannot be read.
        SettingsError: the device of the recipe is not available.
    """
    model = prepare_model(source, folder / "cache")
    encoder = model.encoder
    table = sample_table(folder, data, min(SAMPLE, images))
    crops, decoding = measure_decoding(table, model.data, encoder.height, encoder.width)
    progress(1)
    embedding = time_encoder("embedding", encoder, crops, model.device, mirrored)
    progress(1)
    stages = (
        decoding_stage(decoding, model.data, crops, images),
        encoder_stage(embedding, 0, images),
    )
    return EmbeddingBenchmark(table, encoder.dimension, stages)
