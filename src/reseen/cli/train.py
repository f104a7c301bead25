"""`reseen train`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def train(
    recipe: str,
    *settings: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
    data: Path,
    out: Path,
    resume: bool = False,
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
    resume
        Go on from the last whole round of a run that was stopped.
    quiet
        Print the result alone.
    """
    from reseen.engine.recipe import load_recipe
    from reseen.engine.run import open_run
    from reseen.engine.train import train as train_run

    loaded = load_recipe(recipe, settings)
    try:
        run = train_run(loaded, data, out, resume=resume, quiet=quiet)
    except KeyboardInterrupt:
        done = open_run(out).rounds_done
        print(
            f"stopped: {out} holds {done} of {loaded.train.rounds} rounds and can be used; --resume goes on"
        )
        return 130
    print(f"{run.folder}: {run.rounds_done} rounds done; next: reseen evaluate {run.folder} --data {data}")
    return 0
