"""What a training will take."""

import tempfile
import time
from pathlib import Path

from reseen.data.table import ImageTable
from reseen.engine.checkpoint import CHECKPOINT, TrainingState, save_checkpoint
from reseen.engine.console import RunView
from reseen.engine.extract import unwrap
from reseen.engine.fit import Training
from reseen.engine.prepare import assemble, check_fit
from reseen.engine.recipe import Recipe
from reseen.errors import SettingsError
from reseen.models.backbone import backbone_size
from reseen.plan.estimate import Estimate, Stage
from reseen.plan.growth import sizes_up_to
from reseen.plan.rehearsal import SAMPLE, decoding, decoding_stage, looking, looking_stage
from reseen.plan.rounds import BATCHES, largest_rehearsal, rehearse_rounds, small_recipe
from reseen.plan.sample import repeated, sample_table
from reseen.plan.starting import starting_stage


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
    check_fit(recipe)
    sizes = sizes_up_to(images, largest_rehearsal(recipe, images))
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
        looked = looking("features", encoder, crops, device, recipe.train.mirrored_features)
        progress(1)
        found = rehearse_rounds(training_on, sizes, progress)
        saved, file = _saving(training)
        started = starting_stage("reseen.engine.train", "timm")
        progress(1)
    train, dimension = recipe.train, encoder.dimension
    settled = looking_stage(looked, dimension, images, 0.5 if train.mirrored_features else 1.0)
    stages = (
        started,
        decoding_stage(decoded, recipe.data, crops, images),
        Stage("settling the neck", settled.seconds, settled.memory),
        looking_stage(looked, dimension, images, train.rounds),
        found.clustering.stage(images, train.rounds, 8.0 * dimension),
        *_renewing(settled, recipe, found.encoders),
        found.audit_stage(images, train.rounds),
        found.training.stage(images, train.rounds * train.iterations, 8.0 * dimension),
        Stage("checkpoints", saved * (train.rounds + 1), 0.0, file),
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


def _renewing(once: Stage, recipe: Recipe, encoders: int) -> list[Stage]:
    """Passes for the statistics of batch norms; `once` is one without mirror images."""
    if not recipe.train.renew_statistics:
        return []
    return [Stage("renewing statistics", once.seconds * recipe.train.rounds * encoders, once.memory)]


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
