"""`reseen train`."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def train(
    recipe: str,
    *settings: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
    data: Path,
    out: Path,
    devices: int = 1,
    resume: bool = False,
    trust_recipe_paths: Annotated[bool, Parameter(negative=())] = False,
    quiet: bool = False,
) -> int:
    """Train an encoder on unlabeled crops.

    Every setting of the recipe is also a flag, such as --method.clustering.eps 0.5 or --train.rounds 20;
    `reseen recipes NAME` prints them all.

    Parameters
    ----------
    recipe
        A built-in recipe, such as cluster-contrast, or a YAML file.
    data
        A folder of crops or a manifest.
    out
        The run folder to create.
    devices
        Number of processes, one per GPU; on a CPU they share the cores. The result does not depend on it.
    resume
        Resume an interrupted run from its last completed round.
    trust_recipe_paths
        Allow paths in the recipe that point outside its folder.
    quiet
        Print only the result.
    """
    from reseen.cli.setting_flags import check_names
    from reseen.distributed.launch import is_main_process
    from reseen.runs.recipe import Recipe, load_recipe
    from reseen.runs.run import RECIPE
    from reseen.runs.run_outcome import outcome_sentences
    from reseen.tasks.next_command import next_command
    from reseen.training.train import train as train_run

    options = ("data", "out", "devices", "resume", "trust-recipe-paths", "quiet")
    check_names(settings, options, list(Recipe.model_fields))
    own = resume and _is_same_file(Path(recipe), out / RECIPE)  # the run's own copy is trusted
    loaded = load_recipe(recipe, settings, trust_paths=trust_recipe_paths or own, of_run=own)
    try:
        run = train_run(loaded, data, out, devices=devices, resume=resume, quiet=quiet)
    except KeyboardInterrupt:
        if is_main_process():
            print(f"reseen: stopped; {_progress_message(out, loaded.train.rounds)}", file=sys.stderr)
        return 130
    if not is_main_process():
        return 0
    if quiet:
        for sentence in outcome_sentences(run.folder):
            print(sentence)
    print(
        f"{run.folder}: {run.rounds_done} rounds done; next: reseen {next_command(data)} {run.folder} --data {data}"
    )
    return 0


def _is_same_file(first: Path, second: Path) -> bool:
    try:
        return first.expanduser().samefile(second.expanduser())
    except OSError:
        return False


def _progress_message(out: Path, rounds: int) -> str:
    from reseen.errors import RunError
    from reseen.runs.run import open_run

    try:
        done = open_run(out).rounds_done
    except RunError:
        return "no round was completed; rerun the command"
    return f"{out} is usable with {done} of {rounds} rounds completed; add --resume to continue"
