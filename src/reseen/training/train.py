"""Set a run up from a recipe and a folder of crops, and train it."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from reseen.audit import verdict_lines
from reseen.data.table import ImageTable
from reseen.distributed.launch import is_main_process, launch
from reseen.distributed.process_group import ProcessGroup
from reseen.environment import command, hardware, versions
from reseen.errors import RunError
from reseen.features.extract import unwrap
from reseen.models.encoder import count_parameters
from reseen.records import UNKNOWN_CAMERA, PseudoLabels
from reseen.runs.checkpoint import CHECKPOINT
from reseen.runs.console import RunView
from reseen.runs.device import device_of
from reseen.runs.load_table import load_table
from reseen.runs.model_card import write_model_card
from reseen.runs.recipe import Recipe, as_recipe
from reseen.runs.run import RECIPE, Run, hold_run, open_run, write_run
from reseen.training.conclude import conclude, keep_camera_means
from reseen.training.loop import Training, run_loop
from reseen.training.setup import check_fit, check_together, set_up


def train(
    recipe: Recipe | str | Path,
    data: str | Path | ImageTable,
    out: str | Path | None = None,
    *,
    devices: int = 1,
    resume: bool = False,
    quiet: bool = False,
    on_clusters: Callable[[int, PseudoLabels], None] = lambda _number, _labels: None,
) -> Run:
    """Train an encoder on unlabeled crops; everything about the run is written to the folder `out`.

    Training ends early where `train.patience` says so, and where a round's clusters would make the encoder worse by any
    settings; `outcome.json` in the folder says why, and holds the verdict on the encoder against its starting weights.

    Args:
        recipe: a recipe, the name of a built-in one, or a YAML file.
        data: a folder of crops (any layout that `reseen data check` knows), a manifest, or a table.
        out: the run folder; `runs/` with the name of the recipe, or of its method, when None.
        devices: number of processes that train together, to the result of one; this process is the first of them and
            starts the others. Under torchrun every process calls this, and the first alone writes.
        resume: continue an interrupted run from its last completed round, to the same bits on the CPU.
        quiet: hide progress.
        on_clusters: called by the first process in each round with its number, from 1, and the pseudo-labels of the
            readable crops, in table order.

    Raises:
        DataError: the data cannot be read, or is too small for one batch.
        SettingsError: settings that do not go together or have no effect, or more processes than GPUs or images of a
            batch.
        LostProcessError: one of several processes was killed.
        RunError: `out` already holds a run (without `resume`), or one with other settings or data (with it), or another
            process trains into it.
        StorageError: `out` cannot be written.

    Example:
        >>> reseen.train("cluster-contrast", "crops").folder
        PosixPath('runs/cluster-contrast')
    """
    name = recipe.method.name if isinstance(recipe, Recipe) else Path(recipe).stem
    folder = (Path("runs") / name if out is None else Path(out)).expanduser()
    recipe = as_recipe(recipe)
    # before anything is read, since a folder in use or a setting without effect costs no waiting
    if is_main_process() and _earlier_run(folder, recipe, resume) is None:
        recipe.check_effect("recipe")
    with RunView(recipe.train.rounds, quiet or not is_main_process()) as view:
        table, sentence = load_table(recipe, data) if is_main_process() else (None, [])
        if table is not None:
            recipe = recipe.for_pool(len(table))
        check_fit(recipe)
        check_together(recipe, devices)
        with hold_run(folder) if is_main_process() else nullcontext():
            resumed = table is not None and _goes_on(folder, recipe, resume, table)
            if devices > 1:
                view.say(f"starting {devices} processes")
            request = {"recipe": recipe.model_dump(mode="json"), "out": str(folder.absolute())}
            with launch(devices, device_of(recipe), "train", request) as ranks:
                table, resumed = ranks.broadcast((table, resumed))
                training = set_up(
                    recipe, table, folder, quiet=quiet or not ranks.is_main, resumed=resumed, ranks=ranks
                )
                if ranks.is_main:
                    facts = _facts(training) | {"read_as": " ".join(sentence)}
                    view.say(*sentence, *training.crops.notes, *training.notes, *describe(facts))
                    if not resumed:
                        write_run(folder, recipe, facts)
                run_loop(training, view, resumed, on_clusters)
            run = open_run(folder)
            if is_main_process():
                keep_camera_means(run, training.crops, view)
                outcome = conclude(run, training.crops, training.fabric.device, view)
                if outcome is not None and outcome.verdict is not None:
                    view.say(*verdict_lines(outcome.verdict, "untrained", folder.resolve().name))
                write_model_card(run)
    return run


def _goes_on(folder: Path, recipe: Recipe, resume: bool, table: ImageTable) -> bool:
    """Whether there is a run to go on with, of the same crops."""
    earlier = _earlier_run(folder, recipe, resume)
    if earlier is not None and earlier.facts["data"] != table.fingerprint:
        raise RunError(
            f"{folder}: the crops in {table.root} have changed since this run began; "
            "restore them to resume, or train into a new folder"
        )
    return earlier is not None


def train_in_worker(ranks: ProcessGroup, request: dict[str, Any]) -> None:
    """What the helpers of `train` do: the same, but they are told what the first process reads, and write nothing."""
    recipe = Recipe.parse(request["recipe"], "the first process")
    table, resumed = ranks.broadcast(None)
    training = set_up(recipe, table, Path(request["out"]), quiet=True, resumed=resumed, ranks=ranks)
    run_loop(training, RunView(recipe.train.rounds, True), resumed, lambda _number, _labels: None)


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
    crops = earlier.facts["images"] + len(earlier.facts["unreadable"])
    before, now = _trains_alike(earlier.recipe), _trains_alike(recipe.for_pool(crops))
    if before != now:
        raise RunError(
            f"{folder}: was begun with other settings ({_difference(before, now)}); "
            f"resume with those in {folder / RECIPE}"
        )
    return earlier


def _trains_alike(recipe: Recipe) -> Recipe:
    """The same for all recipes that train alike: runs of before may hold settings without effect."""
    recipe = recipe.effective()
    if recipe.train.schedule != "step":
        return recipe
    steps = {"step_rounds": recipe.train.rounds_per_step}
    return recipe.model_copy(update={"train": recipe.train.model_copy(update=steps)})


def _difference(old: Recipe, new: Recipe) -> str:
    def flatten(values: dict[str, Any], path: str = "") -> dict[str, Any]:
        flat: dict[str, Any] = {}
        for key, value in values.items():
            flat |= flatten(value, f"{path}{key}.") if isinstance(value, dict) else {path + key: value}
        return flat

    before, after = flatten(old.model_dump()), flatten(new.model_dump())
    changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return f"{changed[0]} was {before.get(changed[0])}, is {after.get(changed[0])}"


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
        "processes": training.ranks.size,
        "precision": encoder.arithmetic.name,
        "versions": versions(),
        "hardware": hardware(),
    }
