"""Sets a training up from a recipe and a table: checks, pixels, constraints, encoder, optimizer and method."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from lightning_fabric import Fabric

from reseen.audit import pair_constraints, read_answers
from reseen.cluster import (
    Constraints,
    TrackletConstraints,
    TrackletRule,
    group_near_copies,
    tracklet_constraints,
)
from reseen.data.crops import Crops, open_crops, thumbnails
from reseen.data.labels import read_labels
from reseen.data.table import ImageTable
from reseen.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from reseen.environment import knows_bfloat16
from reseen.errors import DataError, SettingsError
from reseen.methods import METHODS, MethodContext
from reseen.models.arithmetic import arithmetic_of
from reseen.models.backbone import backbone_size
from reseen.models.batch_shard import BatchShard
from reseen.models.frozen_stages import frozen_grid
from reseen.runs.device import device_of
from reseen.runs.recipe import Recipe
from reseen.training.loop import Training
from reseen.training.optimizer import build_optimizer
from reseen.training.warm_start import warm_start


def read_constraints(file: Path, table: ImageTable) -> tuple[Constraints, str]:
    """Read answers as must-link and cannot-link constraints on the rows of `table`.

    Answers on crops that are not in the table, such as unreadable ones, are ignored and counted.

    Returns:
        The constraints, and a message with their numbers.

    Raises:
        DataError: the file cannot be read, none of its crops is in the table, or answers contradict each other.
    """
    must, cannot = pair_constraints(read_answers([file]))
    row_of = {path: row for row, path in enumerate(table.texts)}

    def rows(pairs: list[tuple[str, str]]) -> np.ndarray:
        known = [
            (row_of[first], row_of[second]) for first, second in pairs if first in row_of and second in row_of
        ]
        return np.array(known, dtype=np.int64).reshape(-1, 2)

    constraints = Constraints(rows(must), rows(cannot), len(table), table.texts)
    kept = len(constraints.must) + len(constraints.cannot)
    ignored = len(must) + len(cannot) - kept
    if ignored and not kept:
        raise DataError(
            f"{file}: none of its {ignored} answers is about crops of {table.root}; the first is about "
            f"{(must or cannot)[0][0]}; give the answers for this folder"
        )
    suffix = f"; {ignored} about other crops ignored" if ignored else ""
    return constraints, (
        f"answers: {len(constraints.must)} must-links, {len(constraints.cannot)} cannot-links{suffix}"
    )


def add_tracklets(table: ImageTable, rule: TrackletRule, answers: Constraints | None) -> TrackletConstraints:
    """Add the constraints that follow from tracklets to those of the answers.

    Raises:
        DataError: no constraint follows from the tracklets.
    """
    added = tracklet_constraints(table, rule, answers)
    if not added.must + added.cannot + len(added.conflicts):
        raise DataError(
            f"{table.root}: data.tracklet_constraints: no two tracklets of one camera overlap in time; crops need a "
            "known camera, tracklet and time, as `reseen crop` writes them, and the recipe needs cameras: true"
        )
    return added


_FEWEST_PICTURES = 2
"""With this many different pictures or fewer there is nothing to cluster."""
_EMULATED_BF16 = (
    "warning: this processor emulates bf16, far slower than float32; stop, and set train.precision to 32"
)


def set_up(
    recipe: Recipe,
    table: ImageTable,
    folder: Path,
    *,
    quiet: bool = False,
    resumed: bool = False,
    ranks: ProcessGroup = SINGLE_PROCESS,
) -> Training:
    """Check the recipe, open the crops, and build encoder, optimizer and method; nothing is written or trained.

    Args:
        recipe: the recipe.
        table: the training crops.
        folder: the run folder.
        quiet: hide progress.
        resumed: all weights will come from the checkpoint; `model.weights` and `model.start` are not read.
        ranks: the processes that train together.

    Raises:
        DataError: too few crops are readable, or the labels or constraints do not fit.
        SettingsError: settings do not fit each other or this machine.
        RunError: `model.start` is not a run, or its encoder does not fit.
    """
    check_fit(recipe)
    check_together(recipe, ranks.size)
    height, width = backbone_size(recipe.model.backbone)
    height, width = recipe.data.height or height, recipe.data.width or width
    with ranks.main_process_first():
        crops = open_crops(table, recipe.data, height, width, progress=not quiet, ask_for_white=True)
    _check_enough(crops, recipe)
    return assemble(recipe, crops, folder, (height, width), resumed, ranks)


def check_fit(recipe: Recipe) -> None:
    """Check that the method supports the recipe's features, patches, labels and kept views.

    Raises:
        SettingsError: it does not.
    """
    name, method = recipe.method.name, METHODS[recipe.method.name].method
    if recipe.model.feature == "raw" and not method.takes_raw:
        raise SettingsError(
            f"model.feature: {name} requires features of unit length; use feature sphere, or one of the "
            f"methods {', '.join(name for name, entry in METHODS.items() if entry.method.takes_raw)}"
        )
    if method.needs_patches and recipe.model.patches is None:
        raise SettingsError(f"model.patches: {name} requires patches; set model.patches.count, such as 6")
    if not method.takes_patches and recipe.model.patches is not None:
        supported_by = ", ".join(other for other, entry in METHODS.items() if entry.method.takes_patches)
        raise SettingsError(
            f"model.patches: {name} does not support patches; leave it out, or use the method {supported_by}"
        )
    if recipe.data.labels is not None and not method.takes_labels:
        raise SettingsError(
            f"data.labels: {name} trains without labels; leave it out, or use the method source"
        )
    if recipe.train.kept_views is not None:
        _check_kept_views(recipe)
    if recipe.train.whiten and (recipe.model.feature == "raw" or recipe.model.patches is not None):
        raise SettingsError(
            "train.whiten: embeddings with lengths or patches are not whitened; set it to false"
        )


def _check_kept_views(recipe: Recipe) -> None:
    """Check that the method can train on views that are kept behind the frozen stages."""
    name, method = recipe.method.name, METHODS[recipe.method.name].method
    if not method.takes_kept_views:
        supported_by = ", ".join(other for other, entry in METHODS.items() if entry.method.takes_kept_views)
        raise SettingsError(
            f"train.kept_views: {name} does not declare that it needs no images beside the encoder's output; leave it "
            f"out, or use one of the methods {supported_by}"
        )
    if recipe.method.views > 1:
        second = ", ".join(f"method.{path}" for path in recipe.method.second_view())
        raise SettingsError(
            f"train.kept_views: {name} compares two views of every crop in a batch, and two draws of kept views could "
            f"be the same one; leave it out, or train with one view ({second})"
        )


def check_together(recipe: Recipe, processes: int) -> None:
    """Check that this number of processes can share the batches of a recipe.

    Raises:
        SettingsError: they cannot.
    """
    BatchShard(0, processes).check_batch_size(recipe.method.batch_size)
    if recipe.train.compile and processes > 1:
        raise SettingsError(
            "train.compile: not supported with several devices; leave out train.compile or --devices"
        )
    if recipe.train.kept_views is not None and processes > 1:
        raise SettingsError(
            "train.kept_views: each process would have to keep the views of all crops; leave out train.kept_views or "
            "--devices"
        )


def find_copies(recipe: Recipe, crops: Crops) -> Int64[np.ndarray, " n"] | None:
    """The first row of each crop's group of near-copies; None if `data.near_copies_once` is off.

    Raises:
        DataError: all crops are near-copies of one or two pictures.
    """
    if not recipe.data.near_copies_once:
        return None
    copies = group_near_copies(thumbnails(crops), crops.cameras)
    pictures = len(np.unique(copies))
    if pictures <= _FEWEST_PICTURES:
        raise DataError(
            f"{crops.table.root}: {len(crops)} crops show only {pictures} different pictures, the others are "
            "near-copies; nothing can be clustered: give crops of several people, each seen more than once"
        )
    return copies


def _describe_copies(copies: Int64[np.ndarray, " n"]) -> str:
    pictures = len(np.unique(copies))
    return f"near-copies: {len(copies):,} crops show {pictures:,} different pictures; one crop of each is clustered"


def _check_enough(crops: Crops, recipe: Recipe) -> None:
    needed = recipe.method.batch_size
    if len(crops) < needed:
        raise DataError(
            f"{crops.table.root}: {len(crops)} crops are fewer than one batch of {needed}; add crops, or lower "
            "method.sampler.clusters_per_batch or method.sampler.images_per_cluster"
        )
    for setting, fewest in recipe.method.fewest_crops().items():
        if len(crops) < fewest:
            raise DataError(
                f"{crops.table.root}: {len(crops)} crops are too few for method.{setting}, which needs {fewest}; "
                "lower it, or add crops"
            )


def assemble(
    recipe: Recipe,
    crops: Crops,
    folder: Path,
    size: tuple[int, int],
    resumed: bool = False,
    ranks: ProcessGroup = SINGLE_PROCESS,
) -> Training:
    """Build encoder, optimizer and method for opened crops.

    Args:
        recipe: the recipe, which must pass `check_fit`.
        crops: the training crops.
        folder: the run folder.
        size: height and width of a crop in pixels.
        resumed: do not load starting weights, because a checkpoint will be loaded.
        ranks: the processes that train together.
    """
    settings, device = recipe.train, device_of(recipe)
    torch.manual_seed(recipe.seed)  # timm's initialization and stochastic depth use the global generator
    generator = torch.Generator().manual_seed(recipe.seed)
    with ranks.main_process_first():  # downloads happen once
        encoder, start = warm_start(
            recipe.model,
            *size,
            # not by Fabric, which only wraps whole forward passes
            arithmetic_of(settings.precision, device),
            ranks.share,
            resumed,
        )
    if settings.kept_views is not None and frozen_grid(encoder) is None:
        raise SettingsError(
            f"train.kept_views: {recipe.model.backbone} cannot be run from behind its frozen stages, because these put "
            "out no map, or later stages use earlier outputs; leave it out, or use a convolutional backbone"
        )
    if settings.channels_last:
        encoder = encoder.to(memory_format=torch.channels_last)
    devices = [ranks.local_rank] if device == "cuda" else 1
    fabric = Fabric(accelerator=device, devices=devices)
    if settings.compile:
        if encoder.patch_stage is not None:
            raise SettingsError(
                "train.compile: a compiled trunk gives its last map only, and model.patches.stage needs another one; "
                "leave out one of the two"
            )
        encoder.trunk.compile()  # in place: parameter names in checkpoints do not change
    wrapped: Any = fabric.setup_module(encoder)
    context = MethodContext(
        wrapped, crops.cameras, generator, fabric.device, encoder.raw, crops.tracklets,
        settings.rounds * settings.iterations, run_on_main=ranks.run_on_main,
        copies=ranks.run_on_main(lambda: find_copies(recipe, crops)),
    )  # fmt: skip
    notes: tuple[str, ...] = () if context.copies is None else (_describe_copies(context.copies),)
    is_emulated = encoder.arithmetic.autocast is not None and device == "cpu" and not knows_bfloat16()
    notes += (_EMULATED_BF16,) if is_emulated else ()
    if recipe.data.labels is not None:
        context = replace(context, labels=read_labels(recipe.data.labels.expanduser(), crops.table))
    if recipe.data.constraints is not None:
        constraints, note = read_constraints(recipe.data.constraints.expanduser(), crops.table)
        context, notes = replace(context, constraints=constraints), (*notes, note)
    if recipe.data.tracklet_constraints != "none":
        added = add_tracklets(crops.table, recipe.data.tracklet_constraints, context.constraints)
        context, notes = replace(context, constraints=added.constraints), (*notes, added.note)
    method = METHODS[recipe.method.name].method(recipe.method, context)
    optimizer: Any = fabric.setup_optimizers(build_optimizer([wrapped, *method.networks()], settings))
    return Training(recipe, fabric, wrapped, optimizer, method, crops, generator, folder, notes, start, ranks)
