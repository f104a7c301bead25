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
    """Train an encoder on unlabelled crops.

    Any setting of the recipe may follow as a flag, such as --method.dbscan.eps 0.5 or --train.rounds 20;
    `reseen recipes NAME` prints them all.

    Parameters
    ----------
    recipe
        A shipped recipe, such as cluster-contrast, or a YAML file.
    data
        A folder of crops or a manifest.
    out
        The run folder to make.
    devices
        Processes to train with, one per GPU, or sharing the cores; the result is that of one.
    resume
        Go on from the last whole round of a run that was stopped.
    trust_recipe_paths
        Take paths in the recipe as if you had typed them; else they may not leave its folder.
    quiet
        Print the result alone.
    """
    from reseen.cli.setting_flags import check_names
    from reseen.distributed.launch import is_main_process
    from reseen.runs.recipe import Recipe, load_recipe
    from reseen.runs.run import RECIPE
    from reseen.training.train import train as train_run

    options = ("data", "out", "devices", "resume", "trust-recipe-paths", "quiet")
    check_names(settings, options, list(Recipe.model_fields))
    own = resume and _is_same_file(Path(recipe), out / RECIPE)  # what was typed when the run began
    loaded = load_recipe(recipe, settings, trust_paths=trust_recipe_paths or own, of_run=own)
    try:
        run = train_run(loaded, data, out, devices=devices, resume=resume, quiet=quiet)
    except KeyboardInterrupt:
        if is_main_process():
            print(f"reseen: stopped; {_what_is_left(out, loaded.train.rounds)}", file=sys.stderr)
        return 130
    if not is_main_process():
        return 0
    print(f"{run.folder}: {run.rounds_done} rounds done; next: reseen evaluate {run.folder} --data {data}")
    return 0


def _is_same_file(first: Path, second: Path) -> bool:
    try:
        return first.expanduser().samefile(second.expanduser())
    except OSError:
        return False


def _what_is_left(out: Path, rounds: int) -> str:
    from reseen.errors import RunError
    from reseen.runs.run import open_run

    try:
        done = open_run(out).rounds_done
    except RunError:
        return "nothing was trained yet, give the same command again"
    return f"{out} holds {done} of {rounds} rounds and can be used; --resume goes on"
