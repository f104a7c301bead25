"""Trains an encoder from a recipe and a folder of crops: `reseen.train`."""

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
from reseen.training.conclude import conclude, save_statistics
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
    """Train an encoder on unlabeled crops, and write the run to the folder `out`.

    Training can end early: by `train.patience`, or with `train.on_collapse: retry` if a round's clusters would make the
    encoder worse with every stricter setting. `outcome.json` in the folder states the reason, and compares the trained
    encoder with its starting weights.

    Args:
        recipe: a recipe, the name of a built-in one, or a YAML file.
        data: a folder of crops (any layout that `reseen data check` knows), a manifest, or a table.
        out: the run folder; if None, `runs/` with the name of the recipe or of its method.
        devices: number of processes that train together; the result is the same as with one. This process starts the
            others. Under torchrun every process calls this function, and only the main process writes.
        resume: continue an interrupted run from its last complete round; on the CPU with bit-identical results.
        quiet: hide progress.
        on_clusters: called in the main process in each round, with the round's number from 1 and the pseudo-labels of
            the readable crops in table order.

    Returns:
        The run, open for evaluation and embedding.

    Raises:
        DataError: the data cannot be read, or has fewer crops than a batch.
        SettingsError: settings contradict each other or have no effect, or there are more processes than GPUs or than
            images in a batch.
        TrainingError: no clusters can be found, or a loss or weight is not finite.
        LostProcessError: one of several processes was killed.
        RunError: `out` contains a run (without `resume`) or a run with other settings or data (with it), or another
            process trains into it.
        StorageError: `out` cannot be written.

    Example:
        >>> reseen.train("cluster-contrast", "crops").folder
        PosixPath('runs/cluster-contrast')
    """
    name = recipe.method.name if isinstance(recipe, Recipe) else Path(recipe).stem
    folder = (Path("runs") / name if out is None else Path(out)).expanduser()
    recipe = as_recipe(recipe)
    # checked before the data is read, so that these errors appear at once
    if is_main_process() and _earlier_run(folder, recipe, resume) is None:
        recipe.check_effect("recipe")
    with RunView(recipe.train.rounds, quiet or not is_main_process()) as view:
        table, sentence = load_table(recipe, data) if is_main_process() else (None, [])
        if table is not None:
            recipe = recipe.for_pool(len(table))
        check_fit(recipe)
        check_together(recipe, devices)
        with hold_run(folder) if is_main_process() else nullcontext():
            resumed = table is not None and _resumes(folder, recipe, resume, table)
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
                save_statistics(run, training.crops, view)
                outcome = conclude(run, training.crops, training.fabric.device, view)
                if outcome is not None and outcome.verdict is not None:
                    view.say(*verdict_lines(outcome.verdict, "untrained", folder.resolve().name))
                write_model_card(run)
    return run


def _resumes(folder: Path, recipe: Recipe, resume: bool, table: ImageTable) -> bool:
    """Whether the folder contains a run to resume; an error if its crops have changed."""
    earlier = _earlier_run(folder, recipe, resume)
    if earlier is not None and earlier.facts["data"] != table.fingerprint:
        raise RunError(
            f"{folder}: the crops in {table.root} have changed since this run began; "
            "restore them to resume, or train into a new folder"
        )
    return earlier is not None


def train_in_worker(ranks: ProcessGroup, request: dict[str, Any]) -> None:
    """Run `train` in a worker process: the table is received from the main process, and nothing is written."""
    recipe = Recipe.parse(request["recipe"], "the main process")
    table, resumed = ranks.broadcast(None)
    training = set_up(recipe, table, Path(request["out"]), quiet=True, resumed=resumed, ranks=ranks)
    run_loop(training, RunView(recipe.train.rounds, True), resumed, lambda _number, _labels: None)


def describe(facts: dict[str, Any]) -> list[str]:
    """Lines about data, encoder and device, printed before training; `facts` as in `Run.facts`."""
    cameras = f"{facts['cameras']} cameras" if facts["cameras"] else "no cameras"
    unreadable = f", {len(facts['unreadable'])} unreadable skipped" if facts["unreadable"] else ""
    place = facts["hardware"]["gpu"] if facts["device"] == "cuda" else facts["hardware"]["processor"]
    return [
        f"data: {facts['images']} crops, {cameras}{unreadable}; pixels: {facts['pixels']}",
        *facts["encoder"],
        f"training: {facts['parameters'] / 1e6:.1f} M parameters on {place}, precision {facts['precision']}",
    ]


def _earlier_run(folder: Path, recipe: Recipe, resume: bool) -> Run | None:
    """The run in the folder to resume, if there is one; an error if it must not be overwritten or does not fit."""
    has_checkpoint = (folder / CHECKPOINT).is_file()  # a run without a checkpoint may be overwritten
    if not resume:
        if has_checkpoint:
            raise RunError(
                f"{folder}: already contains a run; add --resume to continue it, or choose another folder"
            )
        return None
    if not has_checkpoint:
        return None  # --resume also starts a new run, so that a script can always pass it
    earlier = open_run(folder)
    crops = earlier.facts["images"] + len(earlier.facts["unreadable"])
    before, now = _canonical(earlier.recipe), _canonical(recipe.for_pool(crops))
    if before != now:
        raise RunError(
            f"{folder}: was started with other settings ({_difference(before, now)}); "
            f"resume with those in {folder / RECIPE}"
        )
    return earlier


def _canonical(recipe: Recipe) -> Recipe:
    """Equal for recipes with equal training: recipes of earlier runs may have settings without effect."""
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
