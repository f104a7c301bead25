"""What a training will take.

Rounds of training in small: clusters of made-up vectors at several sizes, and a few batches.
"""

import csv
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reseen.audit import MAX_SILHOUETTES, measure
from reseen.cluster.hierarchy import PAIR_BYTES, HierarchySettings, count_shared_pairs
from reseen.conditions import inactive
from reseen.data.labels import COLUMNS
from reseen.data.table import ImageTable
from reseen.errors import SettingsError
from reseen.features.extract import unwrap
from reseen.geometry import unit
from reseen.methods import METHODS
from reseen.models.backbone import backbone_size
from reseen.plan.benchmark import (
    SAMPLE,
    decoding,
    decoding_stage,
    encoder_stage,
    starting_stage,
    time_encoder,
)
from reseen.plan.cost_model import Measured, sizes_up_to
from reseen.plan.estimate import Estimate, PlanStage
from reseen.plan.sample import mixture, repeated, sample_table
from reseen.records import Features
from reseen.runs.allocation import kept_memory
from reseen.runs.checkpoint import CHECKPOINT, TrainingState, save_checkpoint
from reseen.runs.console import Progress, RunView
from reseen.runs.recipe import Recipe
from reseen.training.loop import Training, train_round
from reseen.training.setup import assemble, check_fit

BATCHES = 3
"""Batches that are timed, after one that is not."""
_MOST, _MOST_APPROXIMATE = 6_000, 24_000
"""Crops of the largest rehearsal; more where only an approximate search would be used, which is fast."""


@dataclass
class RoundCosts:
    """What the parts of a round took."""

    clustering: Measured = field(default_factory=lambda: Measured("clustering", power=2))
    auditing: Measured = field(default_factory=lambda: Measured("measuring clusters"))
    training: Measured = field(default_factory=lambda: Measured("training"))
    encoders: int = 1
    """Networks whose features are clustered or scored."""

    def audit_stage(self, images: int, rounds: int) -> PlanStage:
        """Measuring clusters compares every crop with at most `MAX_SILHOUETTES` others."""
        measured = self.auditing.sizes[-1]
        pairs = [float(count) * min(count, MAX_SILHOUETTES) for count in (measured, images)]
        seconds = self.auditing.seconds[-1] / pairs[0] * pairs[1]
        return PlanStage(self.auditing.name, rounds * seconds)


def largest_benchmark(recipe: Recipe, images: int) -> int:
    """Crops up to which clustering is rehearsed."""
    return _MOST_APPROXIMATE if _approximate(recipe, images) else _MOST


def small_recipe(recipe: Recipe, table: ImageTable, folder: Path, images: int, own: bool) -> Recipe:
    """The recipe with nothing to fetch and little to do; what is decoded and labels lie in `folder`."""
    data: dict[str, Any] = {"cache_dir": folder / "cache", "constraints": None}
    if METHODS[recipe.method.name].method.takes_labels and not own:
        data["labels"] = folder / "labels.csv"
        with data["labels"].open("w", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *((path, row // 4) for row, path in enumerate(table.texts))])
    method: dict[str, Any] = {}
    if _approximate(recipe, images):  # as it would be at that size
        hierarchy: HierarchySettings = getattr(recipe.method, "hierarchy")  # noqa: B009
        method["hierarchy"] = hierarchy.model_copy(update={"engine": "approximate"})
    train = {"rounds": 2, "iterations": BATCHES, "tensorboard": False}
    return recipe.model_copy(
        update={
            "data": recipe.data.model_copy(update=data),
            "method": recipe.method.model_copy(update=method),
            "model": recipe.model.model_copy(update={"weights": "none", "start": None}),
            "train": recipe.train.model_copy(update=train),
        }
    )


def benchmark_rounds(
    training_on: Callable[[int], Training], sizes: list[int], progress: Progress
) -> RoundCosts:
    """Time clusters at all sizes, and batches at the largest, or at all where they take longer the more crops."""
    costs, silent = RoundCosts(), RunView(0, quiet=True)
    for count in sizes:
        training = training_on(count)
        costs.encoders = len(training.method.encoders())
        method, encoder = training.method, unwrap(training.encoder)
        found = mixture(count, encoder.dimension, encoder.raw)
        plan = method.begin_round(found, 1)
        for _ in range(getattr(training.recipe.method, "rounds_before_merging", 0)):  # that merge nothing yet
            plan = method.begin_round(found, 1)
        if count == sizes[-1] or method.steps_grow:
            with kept_memory():
                train_round(training, plan, 1, silent)
                plan = method.begin_round(found, BATCHES)
                with costs.training.at(count, BATCHES):
                    train_round(training, plan, 1, silent)
        with costs.clustering.at(count):
            plan = method.begin_round(found, 1)
        if (hierarchy := _by_shared_neighbors(training.recipe)) is not None:
            costs.clustering.squared.append(shared_bytes(count, encoder.dimension, hierarchy))
        with costs.auditing.at(count):
            measure(Features(unit(found.vectors)), plan.clustering.labels, training.crops.cameras, None)
        progress(1)
    return costs


def shared_bytes(count: int, dimension: int, settings: HierarchySettings) -> float:
    """Memory of the pairs that linkage over shared neighbors holds, of features before training."""
    features = mixture(count, dimension, untrained=True)
    return float(PAIR_BYTES * count_shared_pairs(features, settings.jaccard))


def _by_shared_neighbors(recipe: Recipe) -> HierarchySettings | None:
    hierarchy = _hierarchy(recipe)
    return hierarchy if hierarchy is not None and hierarchy.metric == "jaccard" else None


def _approximate(recipe: Recipe, images: int) -> bool:
    hierarchy = _hierarchy(recipe)
    return hierarchy is not None and hierarchy.approximates(images)


def _hierarchy(recipe: Recipe) -> HierarchySettings | None:
    """The hierarchical clustering of a recipe, where it is used."""
    hierarchy = getattr(recipe.method, "hierarchy", None)
    used = "hierarchy" not in inactive(recipe.method)
    return hierarchy if used and isinstance(hierarchy, HierarchySettings) else None


def plan_training(
    recipe: Recipe, images: int, data: str | Path | ImageTable | None = None, *, quiet: bool = False
) -> Estimate:
    """Rehearse a recipe on this machine and say what it would take for `images` crops.

    The real stages run on a few crops (some of `data`, or made-up ones) and on made-up vectors of some thousand crops;
    what grows with the number of crops is told from three sizes. Nothing is kept.

    Raises:
        SettingsError: the recipe does not fit together, asks for a device that is not there, or `images` are fewer
            than one batch.
        DataError: `data` cannot be read.
    """
    _check_enough(recipe, images)
    recipe.check_effect("recipe")
    check_fit(recipe)
    sizes = sizes_up_to(images, largest_benchmark(recipe, images))
    height, width = backbone_size(recipe.model.backbone)
    height, width = recipe.data.height or height, recipe.data.width or width
    with tempfile.TemporaryDirectory(prefix="reseen-plan-") as place, RunView(0, quiet) as view:
        progress = view.phase("rehearsing", 3 + len(sizes))
        folder = Path(place)
        table = sample_table(folder, data, min(SAMPLE, images))
        small = small_recipe(recipe, table, folder, images, own=data is not None)
        crops, decoded = decoding(table, small.data, height, width)
        progress(1)

        def training_on(count: int) -> Training:
            return assemble(small, repeated(crops, count), folder, (height, width))

        training = training_on(sizes[-1])
        encoder, device = unwrap(training.encoder), training.fabric.device
        looked = time_encoder("features", encoder, crops, device, recipe.train.mirrored_features)
        progress(1)
        found = benchmark_rounds(training_on, sizes, progress)
        saved, file = _saving(training)
        started = starting_stage("reseen.training.train", "timm")
        progress(1)
    train, dimension = recipe.train, encoder.dimension
    settled = encoder_stage(looked, dimension, images, 0.5 if train.mirrored_features else 1.0)
    stages = (
        started,
        decoding_stage(decoded, recipe.data, crops, images),
        PlanStage("settling the neck", settled.seconds, settled.memory),
        encoder_stage(looked, dimension, images, train.rounds),
        found.clustering.stage(images, train.rounds, 8.0 * dimension),
        *_renewing(settled, recipe, found.encoders),
        found.audit_stage(images, train.rounds),
        found.training.stage(images, train.rounds * train.iterations, 8.0 * dimension),
        PlanStage("checkpoints", saved * (train.rounds + 1), 0.0, file),
    )
    return Estimate(
        "train",
        images,
        stages,
        (
            f"{train.rounds} rounds of {train.iterations} batches",
            f"rehearsed: {BATCHES} batches, and clusters of up to {sizes[-1]:,} crops",
        ),
    )


def _renewing(once: PlanStage, recipe: Recipe, encoders: int) -> list[PlanStage]:
    """Passes for the statistics of batch norms; `once` is one without mirror images."""
    if not recipe.train.renew_statistics:
        return []
    return [PlanStage("renewing statistics", once.seconds * recipe.train.rounds * encoders, once.memory)]


def _check_enough(recipe: Recipe, images: int) -> None:
    sampler = getattr(recipe.method, "sampler", None)
    needed = sampler.batch_size if sampler is not None else 2
    if images < needed:
        raise SettingsError(f"images: {images:,} are fewer than one batch of {needed}; plan for more")


def _saving(training: Training) -> tuple[float, float]:
    """Seconds and bytes of a checkpoint."""
    state = TrainingState(training.encoder, training.optimizer, training.generator, training.method)
    began = time.perf_counter()
    save_checkpoint(training.folder / CHECKPOINT, state, 1)
    return time.perf_counter() - began, float((training.folder / CHECKPOINT).stat().st_size)
