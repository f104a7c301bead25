"""Estimate of a job from what its command would be given."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from reseen.data.table import ImageTable
from reseen.datasets import read_training
from reseen.errors import SettingsError
from reseen.features.mapped_vectors import VectorFile, is_vectors, open_vector_file
from reseen.plan.clustering import plan_clustering, plan_vector_clustering
from reseen.plan.embedding import plan_embedding, plan_indexing
from reseen.plan.estimate import Estimate
from reseen.plan.training import plan_training
from reseen.runs.recipe import load_recipe
from reseen.runs.run import open_run


def plan_job(
    work: Literal["train", "embed", "cluster", "index"],
    source: str | Path,
    *,
    images: int | None = None,
    data: str | Path | None = None,
    settings: Sequence[str] = (),
    method: str | None = None,
    memory: str | None = None,
    mirrored: bool = False,
    quiet: bool = False,
) -> Estimate:
    """Estimate time, memory and disk space of a command on this machine by a benchmark of its stages.

    Args:
        work: `train`, `embed`, `cluster`, or `index` into a folder.
        source: a built-in recipe or a YAML file; for other work than `train` also a run folder, and for `cluster`
            vectors.
        images: number of crops to plan for; that of `data`, or of the vectors, when None.
        data: crops for the benchmark; synthetic ones when None, and no crops for vectors.
        settings: flags, as for the command itself.
        method: the clustering, for `cluster` alone, as for `reseen cluster`.
        memory: memory limit for clustering vectors without `data`, such as `4GB`.
        mirrored: embed each crop and its mirror image, for `embed` and `index` alone.
        quiet: hide progress.

    Raises:
        SettingsError: an option is invalid or does not apply, or `images` is missing.
        DataError: `data` or the vectors cannot be read.
        RunError: `source` is a folder, but not a run.

    Example:
        >>> plan_job("train", "cluster-contrast", images=100_000).seconds
    """
    path = Path(source).expanduser()
    table = None if data is None else read_training(Path(data).expanduser())
    vectors = open_vector_file(path) if work == "cluster" and is_vectors(path) else None
    count = _count(images, table, vectors)
    _check(source, table, vectors, memory)
    if method is not None and work != "cluster":
        raise SettingsError(
            "--method is only for cluster; for train, set --method.name or --method.clustering.name"
        )
    if mirrored and work not in ("embed", "index"):
        raise SettingsError(f"--flip is only for embed and index; leave it out for {work}")
    is_run = path.is_dir() and vectors is None
    if work == "train":
        if is_run:
            raise SettingsError(f"{source}: is a run folder; `reseen plan train` needs a recipe")
        return plan_training(load_recipe(source, settings), count, table, quiet=quiet)
    if vectors is not None and table is None:
        return plan_vector_clustering(
            vectors.dimension, count, settings=settings, method=method, memory=memory, quiet=quiet
        )
    if work == "cluster":
        opened = source if vectors is None else vectors.dimension
        return plan_clustering(opened, count, table, settings=settings, method=method, quiet=quiet)
    if is_run and settings:
        raise SettingsError(f"{settings[0]}: the settings of a run are fixed; leave it out")
    opened = open_run(source) if is_run else load_recipe(source, settings)
    plan_work = {"embed": plan_embedding, "index": plan_indexing}[work]
    return plan_work(opened, count, table, mirrored=mirrored, quiet=quiet)


def _count(images: int | None, table: ImageTable | None, vectors: VectorFile | None) -> int:
    known = len(table) if table is not None else None if vectors is None else vectors.rows
    count = known if images is None else images
    if count is None:
        raise SettingsError("`reseen plan` needs --images, or --data with the crops themselves")
    if count < 1:
        raise SettingsError(f"--images must be at least 1, got {count}")
    return count


def _check(
    source: str | Path, table: ImageTable | None, vectors: VectorFile | None, memory: str | None
) -> None:
    if memory is not None and (vectors is None or table is not None):
        raise SettingsError("--memory is only for clustering vectors without --data; leave it out")
    if vectors is not None and table is not None and not vectors.parts:
        raise SettingsError(f"{source}: a .npy file does not name the crops of its rows; leave out --data")
