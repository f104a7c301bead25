"""From a recipe and a table to everything that a training needs; nothing is trained or written.

A file of answers, turned into pairs of rows that training must or cannot put together.
"""

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
from reseen.runs.device import device_of
from reseen.runs.recipe import Recipe
from reseen.training.loop import Training
from reseen.training.optimizer import build_optimizer
from reseen.training.warm_start import warm_start


def read_constraints(file: Path, table: ImageTable) -> tuple[Constraints, str]:
    """The constraints in a file of answers on the rows of `table`, and a sentence on them.

    Answers on crops that are not in the table, such as unreadable ones, are left out and counted.

    Raises:
        DataError: the file cannot be read, no crop of it is in the table, or answers contradict each other.
    """
    must, cannot = pair_constraints(read_answers([file]))
    row = {path: place for place, path in enumerate(table.texts)}

    def rows(pairs: list[tuple[str, str]]) -> np.ndarray:
        known = [(row[first], row[second]) for first, second in pairs if first in row and second in row]
        return np.array(known, dtype=np.int64).reshape(-1, 2)

    constraints = Constraints(rows(must), rows(cannot), len(table), table.texts)
    kept = len(constraints.must) + len(constraints.cannot)
    left = len(must) + len(cannot) - kept
    if left and not kept:
        raise DataError(
            f"{file}: none of its {left} answers is on crops of {table.root}, the first is on "
            f"{(must or cannot)[0][0]}; give the answers that were made on this folder"
        )
    outside = f"; {left} on other crops left out" if left else ""
    return constraints, f"answers: {len(constraints.must)} links, {len(constraints.cannot)} bars{outside}"


def add_tracklets(table: ImageTable, rule: TrackletRule, answers: Constraints | None) -> TrackletConstraints:
    """The constraints of the tracklets of a table, added to those of a person.

    Raises:
        DataError: there is none.
    """
    added = tracklet_constraints(table, rule, answers)
    if not added.must + added.cannot + len(added.conflicts):
        raise DataError(
            f"{table.root}: data.tracklet_constraints: no two tracklets of one camera overlap in time; it needs crops "
            "whose camera, tracklet and time are known, as `reseen crop` writes them, and cameras: true"
        )
    return added


_FEWEST_PICTURES = 2
"""Pictures that are too few to cluster."""
_EMULATED = (
    "this processor emulates bf16, many times slower than float32: stop, and set train.precision to 32"
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
    """Open pixels, build encoder, optimizer and method; nothing is written or trained yet.

    A run that is resumed has all its weights in its checkpoint, so `model.weights` and `model.start` are not looked at
    again.
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
    """Whether method, features, patches and labels go together.

    Raises:
        SettingsError: they do not.
    """
    name, method = recipe.method.name, METHODS[recipe.method.name].method
    if recipe.model.feature == "raw" and not method.takes_raw:
        raise SettingsError(
            f"model.feature: {name} works on the sphere alone; take feature sphere, or one of the "
            f"methods {', '.join(name for name, entry in METHODS.items() if entry.method.takes_raw)}"
        )
    if method.needs_patches and recipe.model.patches is None:
        raise SettingsError(f"model.patches: {name} learns patches; set model.patches.count, such as 6")
    if not method.takes_patches and recipe.model.patches is not None:
        takers = ", ".join(other for other, entry in METHODS.items() if entry.method.takes_patches)
        raise SettingsError(f"model.patches: {name} learns no patches; leave it out, or take {takers}")
    if recipe.data.labels is not None and not method.takes_labels:
        raise SettingsError(
            f"data.labels: {name} learns without labels; leave them out, or take the method source"
        )


def check_together(recipe: Recipe, processes: int) -> None:
    """Whether so many processes can share the batches of a recipe.

    Raises:
        SettingsError: they cannot.
    """
    BatchShard(0, processes).check_batch_size(recipe.method.batch_size)
    if recipe.train.compile and processes > 1:
        raise SettingsError(
            "train.compile: a compiled trunk trains on one device; leave it out, or --devices"
        )


def find_copies(recipe: Recipe, crops: Crops) -> Int64[np.ndarray, " n"] | None:
    """The first row of each crop's group of near-copies; None where the recipe does not look for them.

    Raises:
        DataError: all crops are copies of two pictures or of one.
    """
    if not recipe.data.near_copies_once:
        return None
    copies = group_near_copies(thumbnails(crops), crops.cameras)
    pictures = len(np.unique(copies))
    if pictures <= _FEWEST_PICTURES:
        raise DataError(
            f"{crops.table.root}: {len(crops)} crops show {pictures} different pictures, the others are near-copies; "
            "there is nothing to tell apart: give crops of several people, each seen more than once"
        )
    return copies


def _describe_copies(copies: Int64[np.ndarray, " n"]) -> str:
    pictures = len(np.unique(copies))
    return (
        f"near-copies: {len(copies):,} crops show {pictures:,} pictures, of which one crop each is clustered"
    )


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
    """Encoder, optimizer and method for some crops of `size`, height and width in pixels.

    Without `resumed`, the encoder gets its starting weights.
    """
    settings, device = recipe.train, device_of(recipe)
    torch.manual_seed(
        recipe.seed
    )  # random starts and stochastic depth of timm draw from the global generator
    generator = torch.Generator().manual_seed(recipe.seed)
    known = {"start": None, "weights": "none"} if resumed else {}
    with ranks.main_process_first():  # weights that must be fetched are fetched once
        encoder, start = warm_start(
            recipe.model.model_copy(update=known),
            *size,
            # not by Fabric, which sees nothing but whole forward passes
            arithmetic_of(settings.precision, device),
            ranks.share,
        )
    if settings.channels_last:
        encoder = encoder.to(memory_format=torch.channels_last)
    place = [ranks.local_rank] if device == "cuda" else 1
    fabric = Fabric(accelerator=device, devices=place)
    if settings.compile:
        encoder.trunk.compile()  # in place: the names in checkpoints stay
    wrapped: Any = fabric.setup_module(encoder)
    context = MethodContext(
        wrapped, crops.cameras, generator, fabric.device, encoder.raw, crops.tracklets,
        settings.rounds * settings.iterations, once=ranks.run_on_main,
        copies=ranks.run_on_main(lambda: find_copies(recipe, crops)),
    )  # fmt: skip
    notes: tuple[str, ...] = () if context.copies is None else (_describe_copies(context.copies),)
    emulated = encoder.arithmetic.autocast is not None and device == "cpu" and not knows_bfloat16()
    notes += (_EMULATED,) if emulated else ()
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
