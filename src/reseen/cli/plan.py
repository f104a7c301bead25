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
    """Say what work will take on this machine, in time, memory and disk, before it starts.

    Rehearses the real stages for some seconds to a minute and tells the size that was asked for from them. Settings
    follow as flags, as for the work itself.

    Parameters
    ----------
    work
        train, embed, cluster, or index into a folder.
    source
        A recipe, shipped or a YAML file; for embed, cluster and index a run folder; for cluster also vectors: a .npy
        file, or what `reseen embed` wrote, one file or a folder.
    images
        How many crops; those of --data, or of the vectors, when not given.
    data
        A folder of crops to rehearse on, best yours; made-up ones of 128 x 64 pixels when not given. Vectors are
        clustered alone when not given.
    memory
        The most memory that clustering vectors alone may take, such as 4GB.
    out
        Also write the plan to this JSON file.
    quiet
        Show no progress.
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
    place = Path(source).expanduser()
    vectors = open_vector_file(place) if work == "cluster" and is_vectors(place) else None
    known = len(table) if table is not None else None if vectors is None else vectors.rows
    count = known if images is None else images
    if count is None:
        raise SettingsError("`reseen plan` needs --images, or --data with the crops themselves")
    if count < 1:
        raise SettingsError(f"images: wanted 1 or more, got {count}")
    if memory is not None and (vectors is None or table is not None):
        raise SettingsError("--memory is for clustering vectors alone; leave it out")
    if vectors is not None and table is not None and not vectors.parts:
        raise SettingsError(f"{source}: a .npy file does not say which crops its rows are; leave out --data")
    a_run = place.is_dir() and vectors is None
    if work == "train" and a_run:
        raise SettingsError(f"{source}: is a run; a training is planned from a recipe")
    if work == "train":
        found = plan_training(load_recipe(source, settings), count, table, quiet=quiet)
    elif vectors is not None and table is None:
        found = plan_vector_clustering(
            vectors.dimension, count, settings=settings, memory=memory, quiet=quiet
        )
    elif work == "cluster":
        opened = open_run(source) if a_run else load_recipe(source) if vectors is None else vectors.dimension
        found = plan_clustering(opened, count, table, settings=settings, quiet=quiet)
    else:
        if a_run and settings:
            raise SettingsError(f"{settings[0]}: a run's settings are known; leave it out")
        opened = open_run(source) if a_run else load_recipe(source, settings)
        made = {"embed": plan_embedding, "index": plan_indexing}[work]
        found = made(opened, count, table, quiet=quiet)
    if out is not None:
        write_text(out, json.dumps(found.to_json(), indent=1) + "\n")
    Console(highlight=False).print(plan_table(found))
