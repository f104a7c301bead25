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
    method: str | None = None,
    memory: str | None = None,
    flip: Annotated[bool, Parameter(negative=())] = False,
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
    method
        For cluster: the clustering, as for `reseen cluster`.
    memory
        Memory limit for clustering vectors without --data, such as 4GB.
    flip
        For embed and index: embed each crop and its mirror image, as with their own --flip.
    out
        Also write the plan to this JSON file.
    quiet
        Hide progress.
    """
    from rich.console import Console

    from reseen.cli.setting_flags import check_names
    from reseen.files import check_outputs, write_text
    from reseen.plan.estimate import plan_table
    from reseen.plan.job import plan_job
    from reseen.runs.recipe import Recipe

    check_names(
        settings, ("images", "data", "method", "memory", "flip", "out", "quiet"), [*Recipe.model_fields]
    )
    check_outputs(out)
    estimate = plan_job(
        work,
        source,
        images=images,
        data=data,
        settings=settings,
        method=method,
        memory=memory,
        mirrored=flip,
        quiet=quiet,
    )
    if out is not None:
        write_text(out, json.dumps(estimate.to_json(), indent=1) + "\n")
    Console(highlight=False).print(plan_table(estimate))
