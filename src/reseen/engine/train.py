"""Set a run up from a recipe and a folder of crops, and train it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from reseen.data.labels import read_labels
from reseen.data.table import ImageTable
from reseen.engine.checkpoint import CHECKPOINT
from reseen.engine.console import RunView
from reseen.engine.constraints import read_constraints
from reseen.engine.crops import Crops, open_crops
from reseen.engine.environment import command, hardware, versions
from reseen.engine.extract import unwrap
from reseen.engine.fit import Training, fit
from reseen.engine.optim import build_optimizer
from reseen.engine.read import read_table
from reseen.engine.recipe import Recipe
from reseen.engine.run import RECIPE, Run, hold_run, open_run, write_run
from reseen.engine.start import build_encoder
from reseen.errors import DataError, RunError, SettingsError
from reseen.methods import METHODS, Surroundings
from reseen.models.backbone import backbone_size
from reseen.models.encoder import count_parameters
from reseen.records import UNKNOWN_CAMERA, PseudoLabels


def train(
    recipe: Recipe,
    data: str | Path | ImageTable,
    out: str | Path,
    *,
    resume: bool = False,
    quiet: bool = False,
    on_clusters: Callable[[int, PseudoLabels], None] = lambda _number, _labels: None,
) -> Run:
    """Train an encoder on unlabelled crops; everything about the run is written to the folder `out`.

    `data` is a folder of crops (any layout that `reseen data check` knows), a manifest, or a table. With
    `resume`, a run that was stopped goes on from its last whole round, to the same bits on the CPU. `on_clusters`
    is called in each round with its number, from 1, and the pseudo labels of the readable crops, in table order.

    Raises:
        DataError: the data cannot be read, or is too small for one batch.
        RunError: `out` already holds a run (without `resume`), or one with other settings or data (with it), or another
            process trains into it.
        StorageError: `out` cannot be written.
    """
    folder = Path(out).expanduser()
    _earlier_run(folder, recipe, resume)  # before anything is read: a folder in use costs no waiting
    with RunView(recipe.train.rounds, quiet) as view:
        table, sentence = read_table(recipe, data)
        _check_fit(recipe)
        with hold_run(folder):
            earlier = _earlier_run(folder, recipe, resume)
            if earlier is not None and earlier.facts["data"] != table.fingerprint:
                raise RunError(
                    f"{folder}: the crops in {table.root} have changed since this run began; "
                    "restore them to resume, or train into a new folder"
                )
            training = prepare(recipe, table, folder, quiet=quiet, resumed=earlier is not None)
            facts = _facts(training) | {"read_as": " ".join(sentence)}
            view.say(*sentence, *training.crops.notes, *training.notes, *describe(facts))
            run = write_run(folder, recipe, facts) if earlier is None else earlier
            fit(training, view, earlier is not None, on_clusters)
    return run


def prepare(
    recipe: Recipe, table: ImageTable, folder: Path, *, quiet: bool = False, resumed: bool = False
) -> Training:
    """Open pixels, build encoder, optimizer and method; nothing is written or trained yet.

    A run that is resumed has all its weights in its checkpoint, so `model.weights` and `model.start` are not looked at
    again.
    """
    _check_fit(recipe)
    height, width = backbone_size(recipe.model.backbone)
    height, width = recipe.data.height or height, recipe.data.width or width
    crops = open_crops(table, recipe.data, height, width, progress=not quiet)
    _check_enough(crops, recipe)
    return _assemble(recipe, crops, folder, height, width, resumed)


def _check_fit(recipe: Recipe) -> None:
    """Whether method, features, patches and labels go together."""
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


def describe(facts: dict[str, Any]) -> list[str]:
    """The lines that a run begins with."""
    cameras = f"{facts['cameras']} cameras" if facts["cameras"] else "no cameras"
    unreadable = f", {len(facts['unreadable'])} unreadable left out" if facts["unreadable"] else ""
    place = facts["hardware"]["gpu"] if facts["device"] == "cuda" else facts["hardware"]["processor"]
    return [
        f"data: {facts['images']} crops, {cameras}{unreadable}; pixels: {facts['pixels']}",
        *facts["encoder"],
        f"learning: {facts['parameters'] / 1e6:.1f} M parameters on {place}, precision {facts['precision']}",
    ]


def _earlier_run(folder: Path, recipe: Recipe, resume: bool) -> Run | None:
    begun = (folder / CHECKPOINT).is_file()  # one stopped before its first checkpoint has nothing to lose
    if not resume:
        if begun:
            raise RunError(f"{folder}: already holds a run; add --resume to go on, or choose another folder")
        return None
    if not begun:
        return None  # nothing to go on from: --resume may stand in a script from the first start on
    earlier = open_run(folder)
    if earlier.recipe != recipe:
        raise RunError(
            f"{folder}: was begun with other settings ({_difference(earlier.recipe, recipe)}); "
            f"resume with those in {folder / RECIPE}"
        )
    return earlier


def _difference(old: Recipe, new: Recipe) -> str:
    def flatten(values: dict[str, Any], path: str = "") -> dict[str, Any]:
        flat: dict[str, Any] = {}
        for key, value in values.items():
            flat |= flatten(value, f"{path}{key}.") if isinstance(value, dict) else {path + key: value}
        return flat

    before, after = flatten(old.model_dump()), flatten(new.model_dump())
    changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return f"{changed[0]} was {before.get(changed[0])}, is {after.get(changed[0])}"


def _check_enough(crops: Crops, recipe: Recipe) -> None:
    sampler = getattr(recipe.method, "sampler", None)
    needed = sampler.batch_size if sampler is not None else 2
    if len(crops) < needed:
        raise DataError(
            f"{crops.table.root}: {len(crops)} crops are fewer than one batch of {needed}; add crops, or lower "
            "method.sampler.clusters_per_batch or method.sampler.images_per_cluster"
        )


def _device(recipe: Recipe) -> str:
    wanted = recipe.train.device
    if wanted == "cuda" and not torch.cuda.is_available():
        raise SettingsError("train.device: no GPU is usable here; use 'cpu' or 'auto' (see `reseen doctor`)")
    return ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted


def _assemble(recipe: Recipe, crops: Crops, folder: Path, height: int, width: int, resumed: bool) -> Training:
    settings, device = recipe.train, _device(recipe)
    torch.manual_seed(
        recipe.seed
    )  # random starts and stochastic depth of timm draw from the global generator
    generator = torch.Generator().manual_seed(recipe.seed)
    known = {"start": None, "weights": "none"} if resumed else {}
    encoder, start = build_encoder(recipe.model.model_copy(update=known), height, width)
    if settings.channels_last:
        encoder = encoder.to(memory_format=torch.channels_last)
    fabric = Fabric(accelerator=device, devices=1, precision=settings.precision)
    if settings.compile:
        encoder.trunk.compile()  # in place: the names in checkpoints stay
    wrapped: Any = fabric.setup_module(encoder)
    for method in ("maps", "embed", "look_at_patches"):
        wrapped.mark_forward_method(method)
    surroundings = Surroundings(
        wrapped, crops.cameras, generator, fabric.device, encoder.raw, crops.tracklets,
        settings.rounds * settings.iterations,
    )  # fmt: skip
    notes: tuple[str, ...] = ()
    if recipe.data.labels is not None:
        surroundings = replace(surroundings, labels=read_labels(recipe.data.labels.expanduser(), crops.table))
    if recipe.data.constraints is not None:
        constraints, note = read_constraints(recipe.data.constraints.expanduser(), crops.table)
        surroundings, notes = replace(surroundings, constraints=constraints), (*notes, note)
    method = METHODS[recipe.method.name].method(recipe.method, surroundings)
    optimizer: Any = fabric.setup_optimizers(build_optimizer([wrapped, *method.networks()], settings))
    return Training(recipe, fabric, wrapped, optimizer, method, crops, generator, folder, notes, start)


def _facts(training: Training) -> dict[str, Any]:
    encoder, crops = unwrap(training.encoder), training.crops
    table = crops.store.table
    return {
        "format": "reseen-run-1",
        "command": command(),
        "data": table.fingerprint,
        "root": str(table.root),
        "images": len(crops),
        "cameras": len(set(table.cameras[table.cameras != UNKNOWN_CAMERA].tolist())),
        "unreadable": list(crops.store.unreadable),
        "pixels": crops.store.source,
        "height": encoder.height,
        "width": encoder.width,
        "encoder": list(encoder.notes),
        "start": training.start,
        "parameters": count_parameters(encoder),
        "device": training.fabric.device.type,
        "precision": training.recipe.train.precision,
        "versions": versions(),
        "hardware": hardware(),
    }
