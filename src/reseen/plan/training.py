"""Estimate of `reseen train`: clustering of synthetic features at several sizes, and a few training batches."""

import csv
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reseen.audit import MAX_SILHOUETTES, round_health
from reseen.cluster.clusterings import AbstractClustering
from reseen.data.crops import Crops
from reseen.data.labels import COLUMNS
from reseen.data.table import ImageTable
from reseen.errors import SettingsError
from reseen.features.extract import unwrap
from reseen.features.probe_encoder import MOST_CROPS, VIEWED_CROPS
from reseen.geometry import unit
from reseen.methods import METHODS
from reseen.models.backbone import backbone_size
from reseen.plan.benchmark import (
    SAMPLE,
    decoding_stage,
    encoder_stage,
    measure_decoding,
    startup_stage,
    time_encoder,
)
from reseen.plan.cost_model import StageMeasurement, benchmark_sizes
from reseen.plan.estimate import Estimate, PlanStage
from reseen.plan.sample import repeat_crops, sample_table, synthetic_features
from reseen.records import Features
from reseen.runs.checkpoint import CHECKPOINT, START, TrainingState, save_checkpoint, save_start
from reseen.runs.console import Progress, RunView
from reseen.runs.process_memory import kept_memory
from reseen.runs.recipe import Recipe, as_recipe
from reseen.training.frozen import prepare_frozen
from reseen.training.loop import Training, train_round
from reseen.training.setup import assemble, check_fit

BATCHES = 3
"""Batches that are timed, after a warm-up."""
_MAX_EXACT, _MAX_APPROXIMATE = 6_000, 24_000
"""Crops of the largest benchmark, with an exact and with an approximate search."""


@dataclass
class RoundCosts:
    """Measurements of the parts of a training round."""

    clustering: StageMeasurement = field(default_factory=lambda: StageMeasurement("clustering", power=2))
    auditing: StageMeasurement = field(default_factory=lambda: StageMeasurement("measuring clusters"))
    training: StageMeasurement = field(default_factory=lambda: StageMeasurement("training"))
    encoders: int = 1
    """Number of encoders whose features are clustered or evaluated."""

    def audit_stage(self, images: int, rounds: int) -> PlanStage:
        """Cluster metrics, whose time is proportional to n * min(n, `MAX_SILHOUETTES`) for n crops."""
        largest = self.auditing.sizes[-1]
        pairs = [float(count) * min(count, MAX_SILHOUETTES) for count in (largest, images)]
        seconds = self.auditing.seconds[-1] / pairs[0] * pairs[1]
        return PlanStage(self.auditing.name, rounds * seconds)


def max_benchmark_size(recipe: Recipe, images: int) -> int:
    """Maximum number of crops to benchmark clustering with."""
    clustering = recipe.method.round_clustering
    approximate = clustering is not None and clustering.approximates(images)
    return _MAX_APPROXIMATE if approximate else _MAX_EXACT


def benchmark_recipe(recipe: Recipe, table: ImageTable, folder: Path, images: int, own: bool) -> Recipe:
    """The recipe for the benchmark: random weights, few batches, and cache and labels in `folder`.

    The search engine is that for `images` crops. A supervised method gets synthetic labels unless the crops are the
    user's `own`.
    """
    data: dict[str, Any] = {"cache_dir": folder / "cache", "constraints": None}
    if METHODS[recipe.method.name].method.takes_labels and not own:
        data["labels"] = folder / "labels.csv"
        with data["labels"].open("w", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *((path, row // 4) for row, path in enumerate(table.texts))])
    train = {"rounds": 2, "iterations": BATCHES, "tensorboard": False}
    return recipe.model_copy(
        update={
            "data": recipe.data.model_copy(update=data),
            "method": recipe.method.for_size(images),
            "model": recipe.model.model_copy(update={"weights": "none", "start": None}),
            "train": recipe.train.model_copy(update=train),
        }
    )


def benchmark_rounds(
    training_on: Callable[[int], Training], sizes: list[int], progress: Progress
) -> RoundCosts:
    """Measure clustering at all sizes, and batches at the largest, or at all if their time grows with the crops."""
    costs, silent = RoundCosts(), RunView(0, quiet=True)
    for count in sizes:
        training = training_on(count)
        costs.encoders = len(training.method.encoders())
        method, encoder = training.method, unwrap(training.encoder)
        features = synthetic_features(count, encoder.dimension, encoder.raw)
        plan = method.begin_round(features, 1)
        for _ in range(training.recipe.method.rounds_without_merging):  # later rounds merge, and take longer
            plan = method.begin_round(features, 1)
        if count == sizes[-1] or method.step_time_grows:
            with kept_memory():
                train_round(training, plan, 1, silent)
                plan = method.begin_round(features, BATCHES)
                with costs.training.measure(count, BATCHES):
                    train_round(training, plan, 1, silent)
        with costs.clustering.measure(count):
            plan = method.begin_round(features, 1)
        clustering = training.recipe.method.round_clustering
        held = None if clustering is None else pair_bytes(count, encoder.dimension, clustering)
        if held is not None:
            costs.clustering.quadratic_memory.append(held)
        with costs.auditing.measure(count):
            round_health(Features(unit(features.vectors)), plan.clustering.labels, training.crops.cameras)
        progress(1)
    return costs


def pair_bytes(count: int, dimension: int, clustering: AbstractClustering) -> float | None:
    """Bytes of pairs that a clustering holds for features of an untrained encoder; None if it holds none."""
    return clustering.pair_bytes(synthetic_features(count, dimension, untrained=True))


def plan_training(
    recipe: Recipe | str | Path,
    images: int,
    data: str | Path | ImageTable | None = None,
    *,
    quiet: bool = False,
) -> Estimate:
    """Estimate time, memory and disk space of `train` on this machine by a benchmark of its stages.

    Decoding, feature extraction and training run on a few crops, clustering on synthetic features at up to three
    sizes. All files of the benchmark are temporary.

    Args:
        recipe: the recipe to train by, the name of a built-in one, or a YAML file.
        images: number of crops to plan for.
        data: crops for the benchmark; synthetic ones of 128 x 64 pixels if None.
        quiet: show no progress.

    Raises:
        SettingsError: settings of the recipe are inconsistent, its device is not available, or `images` is less than
            one batch.
        DataError: `data` cannot be read.

    Example:
        >>> estimate = reseen.plan_training("cluster-contrast", images=100_000)
        >>> estimate.seconds / 3600  # hours
    """
    recipe = as_recipe(recipe).for_pool(images)
    _check_enough(recipe, images)
    recipe.check_effect("recipe")
    check_fit(recipe)
    sizes = benchmark_sizes(images, max_benchmark_size(recipe, images))
    height, width = backbone_size(recipe.model.backbone)
    height, width = recipe.data.height or height, recipe.data.width or width
    with tempfile.TemporaryDirectory(prefix="reseen-plan-") as temporary, RunView(0, quiet) as view:
        progress = view.phase("benchmarking", 3 + len(sizes))
        folder = Path(temporary)
        table = sample_table(folder, data, min(SAMPLE, images))
        small = benchmark_recipe(recipe, table, folder, images, own=data is not None)
        crops, decoding = measure_decoding(table, small.data, height, width)
        progress(1)

        def training_on(count: int) -> Training:
            training = assemble(small, repeat_crops(crops, count), folder, (height, width))
            prepare_frozen([training.encoder, *training.method.encoders()], training.crops, small)
            return training

        training = training_on(sizes[-1])
        encoder, device = unwrap(training.encoder), training.fabric.device
        extraction = time_encoder("features", encoder, crops, device, recipe.train.mirrored_features)
        progress(1)
        costs = benchmark_rounds(training_on, sizes, progress)
        checkpoint_seconds, checkpoint_bytes = _measure_checkpoint(training)
        startup = startup_stage("reseen.training.train", "timm")
        progress(1)
    train, dimension = recipe.train, encoder.dimension
    single_pass = encoder_stage(extraction, dimension, images, 0.5 if train.mirrored_features else 1.0)
    stages = (
        startup,
        decoding_stage(decoding, recipe.data, crops, images),
        *(
            [PlanStage("BNNeck statistics", single_pass.seconds, single_pass.memory)]
            if encoder.norms()
            else []
        ),
        encoder_stage(extraction, dimension, images, train.rounds),
        costs.clustering.extrapolate(images, train.rounds, 8.0 * dimension),
        *_update_bn_stages(single_pass, recipe, costs.encoders),
        costs.audit_stage(images, train.rounds),
        _verdict_stage(single_pass, images, train.rounds),
        costs.training.extrapolate(images, train.rounds * train.iterations, 8.0 * dimension),
        *_statistics_stages(single_pass, recipe, crops),
        PlanStage("checkpoints", checkpoint_seconds * (train.rounds + 1), 0.0, checkpoint_bytes),
    )
    return Estimate(
        "train",
        images,
        stages,
        (
            f"{train.rounds} rounds of {train.iterations} batches",
            f"based on a benchmark of {BATCHES} batches and of clustering up to {sizes[-1]:,} crops",
        ),
    )


def _update_bn_stages(single_pass: PlanStage, recipe: Recipe, encoders: int) -> list[PlanStage]:
    """Re-estimation of batch-norm statistics, if enabled; `single_pass` is one pass without flipped crops."""
    if not recipe.train.renew_statistics:
        return []
    return [
        PlanStage(
            "batch-norm statistics", single_pass.seconds * recipe.train.rounds * encoders, single_pass.memory
        )
    ]


def _verdict_stage(single_pass: PlanStage, images: int, rounds: int) -> PlanStage:
    """Other views of some crops in every round and for the verdict, which also embeds crops by two encoders."""
    views, plain = (rounds + 2) * min(images, VIEWED_CROPS), 2 * min(images, MOST_CROPS)
    seconds = single_pass.seconds * (views + (plain if rounds else 0)) / images
    return PlanStage("scores and verdict", seconds, single_pass.memory)


def _statistics_stages(single_pass: PlanStage, recipe: Recipe, crops: Crops) -> list[PlanStage]:
    """The pass after the last round that fits the whitening and computes the camera means, if there is any of both."""
    if recipe.train.whiten or (recipe.cameras and crops.cameras is not None):
        return [PlanStage("statistics of the features", single_pass.seconds, single_pass.memory)]
    return []


def _check_enough(recipe: Recipe, images: int) -> None:
    batch_size = recipe.method.batch_size
    if images < batch_size:
        raise SettingsError(
            f"images: {images:,} is fewer than one batch of {batch_size}; plan for more crops"
        )


def _measure_checkpoint(training: Training) -> tuple[float, float]:
    """Seconds to write a checkpoint, and the bytes of two of them and of the starting weights."""
    state = TrainingState(training.encoder, training.optimizer, training.generator, training.method)
    start = time.perf_counter()
    save_checkpoint(training.folder / CHECKPOINT, state, 1)
    seconds = time.perf_counter() - start
    save_start(training.folder / START, training.encoder)
    sizes = [(training.folder / name).stat().st_size for name in (CHECKPOINT, START)]
    return seconds, float(2 * sizes[0] + sizes[1])
