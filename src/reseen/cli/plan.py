"""`reseen plan`."""

import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def plan(
    work: Literal["train", "embed", "cluster", "index"],
    source: Annotated[str, Parameter(name="recipe-run-or-vectors")],
    *settings: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
    images: int | None = None,
    data: Path | None = None,
    memory: str | None = None,
    out: Path | None = None,
    quiet: bool = False,
) -> None:
    """Estimate the time, memory and disk that a job needs on this machine, before it starts.

    Benchmarks the real stages for up to a minute and extrapolates to the requested size. Settings are flags, as for
    the job itself.

    Parameters
    ----------
    work
        train, embed, cluster, or index into a folder.
    source
        A built-in recipe or a YAML file; for embed, cluster and index a run folder; for cluster also vectors: a .npy
        file, or a file or folder written by `reseen embed`.
    images
        Number of crops; default: that of --data, or of the vectors.
    data
        A folder of crops to benchmark on, ideally your own; default: synthetic crops of 128 x 64 pixels, and for
        vectors no crops.
    memory
        Memory limit for clustering vectors without --data, such as 4GB.
    out
        Also write the plan to this JSON file.
    quiet
        Hide progress.
    """
    from rich.console import Console

    from reseen.cli.setting_flags import check_names
    from reseen.datasets import read_training
    from reseen.errors import SettingsError
    from reseen.features.mapped_vectors import is_vectors, open_vector_file
    from reseen.files import check_outputs, write_text
    from reseen.plan import (
        plan_clustering,
        plan_embedding,
        plan_indexing,
        plan_training,
        plan_vector_clustering,
    )
    from reseen.plan.estimate import plan_table
    from reseen.runs.recipe import Recipe, load_recipe
    from reseen.runs.run import open_run

    check_names(settings, ("images", "data", "memory", "out", "quiet"), [*Recipe.model_fields, "algorithm"])
    check_outputs(out)
    table = None if data is None else read_training(data.expanduser())
    path = Path(source).expanduser()
    vectors = open_vector_file(path) if work == "cluster" and is_vectors(path) else None
    known = len(table) if table is not None else None if vectors is None else vectors.rows
    count = known if images is None else images
    if count is None:
        raise SettingsError("`reseen plan` needs --images, or --data with the crops themselves")
    if count < 1:
        raise SettingsError(f"--images must be at least 1, got {count}")
    if memory is not None and (vectors is None or table is not None):
        raise SettingsError("--memory is only for clustering vectors without --data; leave it out")
    if vectors is not None and table is not None and not vectors.parts:
        raise SettingsError(f"{source}: a .npy file does not name the crops of its rows; leave out --data")
    is_run = path.is_dir() and vectors is None
    if work == "train" and is_run:
        raise SettingsError(f"{source}: is a run folder; `reseen plan train` needs a recipe")
    if work == "train":
        estimate = plan_training(load_recipe(source, settings), count, table, quiet=quiet)
    elif vectors is not None and table is None:
        estimate = plan_vector_clustering(
            vectors.dimension, count, settings=settings, memory=memory, quiet=quiet
        )
    elif work == "cluster":
        opened = open_run(source) if is_run else load_recipe(source) if vectors is None else vectors.dimension
        estimate = plan_clustering(opened, count, table, settings=settings, quiet=quiet)
    else:
        if is_run and settings:
            raise SettingsError(f"{settings[0]}: the settings of a run are fixed; leave it out")
        opened = open_run(source) if is_run else load_recipe(source, settings)
        plan_work = {"embed": plan_embedding, "index": plan_indexing}[work]
        estimate = plan_work(opened, count, table, quiet=quiet)
    if out is not None:
        write_text(out, json.dumps(estimate.to_json(), indent=1) + "\n")
    Console(highlight=False).print(plan_table(estimate))
