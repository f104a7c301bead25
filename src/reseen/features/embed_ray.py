"""Embed millions of crops by workers of Ray, into a folder of Parquet partitions.

Flow: crops listed -> cut by row into partitions -> those that are there left out -> workers, each with its own
encoder, write partitions -> `partitions.json` says that all are there. A worker that dies is started anew by Ray and
its partition is done again; when the driver dies, the same command goes on.
"""

import hashlib
import json
import logging
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from reseen import errors
from reseen.data.parallel import thread_count
from reseen.data.table import ImageTable
from reseen.datasets.remote_shards import CropLocations, locate_crops, read_remote
from reseen.errors import DataError, ImagesError, RunError, SettingsError, StorageError
from reseen.features.embed_worker import EmbedTask, EmbedWorker, cut
from reseen.features.partitions import PartitionFolder
from reseen.optional_dependencies import require_package
from reseen.runs.checkpoint import CHECKPOINT
from reseen.runs.console import RunView
from reseen.runs.device import scoring_device
from reseen.runs.load_table import load_other_table
from reseen.runs.run import Run

PARTITION = 8192
"""Crops of a partition."""

_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
"""No report of usage to Ray's makers, and no lines of Ray between ours; what the environment says goes first."""

_OBJECT_STORE = 256 << 20
"""Bytes that Ray's store of objects gets on a machine where it is not running yet: lists of paths go through it."""


def embed_by_ray(
    run: Run,
    data: str | Path | ImageTable,
    out: str | Path,
    *,
    workers: int = 2,
    camera_pattern: str | None = None,
    rows: int = PARTITION,
    quiet: bool = False,
) -> str:
    """Write partitions of the rows that `embed` writes, in the same order, into the folder or address `out`.

    `data` may also be an address of WebDataset shards, such as `s3://bucket/shards`. Each of the `workers` has its own
    encoder; `rows` is how many crops a partition has. Partitions that are there are not made again. Where
    `RAY_ADDRESS` names a cluster, its machines are used, and must reach the run, the crops and `out` under the same
    names; otherwise workers are started on this machine and end with the call.

    Raises:
        SettingsError: Ray is not installed, or no worker is asked for.
        DataError: the data cannot be read.
        ImagesError: more crops are unreadable than the run's `data.unreadable_share` allows.
        RunError: `out` holds partitions of another model, of other crops or of another size.
        StorageError: `out` cannot be written.
    """
    if workers < 1 or rows < 1:
        raise SettingsError(f"--workers: wanted 1 worker or more, got {workers}")
    require_package("ray.data", "ray")
    folder = PartitionFolder(str(out) if "://" in str(out) else str(Path(out).expanduser().absolute()))
    crops = _listed(run, data, camera_pattern)
    tasks = cut(crops, rows)
    key = _key(run, crops, rows)
    manifest = folder.manifest()
    if manifest and manifest.get("key") != key:
        raise RunError(
            f"{folder.place}: holds partitions of another model, other crops or another size; give a new folder, or "
            "the run and the data that they were made from"
        )
    if not manifest and folder.names():
        raise StorageError(
            f"{folder.place}: is not empty; give a new folder, or the one of an interrupted `embed`"
        )
    folder.make()
    if manifest.get("done"):
        return folder.place
    content = {"key": key, "partitions": len(tasks), "partition_rows": rows, "run": str(run.folder)}
    folder.write_manifest(content | {"done": False})
    there = folder.names()
    sizes = {task.name: task.stop - task.start for task in tasks}
    with RunView(0, quiet) as view:
        progress = view.phase("embedding", len(crops))
        missing = [task for task in tasks if task.name not in there]
        progress(len(crops) - sum(sizes[task.name] for task in missing))
        unreadable: list[str] = []
        for done in _work(missing, run, folder.place, workers):
            unreadable += done["unreadable"]
            _check_share(unreadable, len(crops), run)
            progress(sizes[done["name"]])
    lost = sizes.keys() - folder.names()
    if lost:
        raise StorageError(
            f"{folder.place}: lacks {len(lost):,} partitions, the first is {min(lost)}; give the command again"
        )
    made = [folder.describe(task.name) for task in tasks]
    unreadable = [problem for _, said in made for problem in said["unreadable"]]
    _check_share(unreadable, len(crops), run)
    folder.write_manifest(
        content | {"done": True, "rows": sum(count for count, _ in made), "unreadable": unreadable}
    )
    return folder.place


def _listed(run: Run, data: str | Path | ImageTable, camera_pattern: str | None) -> CropLocations:
    if isinstance(data, str) and "://" in data:
        if camera_pattern is not None:
            raise SettingsError(
                "a camera pattern is for a bare folder; shards name cameras in the JSON beside an image"
            )
        return read_remote(data)
    return locate_crops(load_other_table(run.recipe, data, camera_pattern))


def _key(run: Run, crops: CropLocations, rows: int) -> str:
    """What partitions are made from: weights, crops, and where they are cut."""
    with (run.folder / CHECKPOINT).open("rb") as file:
        weights = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(f"{weights} {crops.fingerprint} {rows}".encode()).hexdigest()[:32]


def _work(tasks: list[EmbedTask], run: Run, out: str, workers: int) -> Iterator[dict[str, Any]]:
    """What workers say of each partition, as they are done."""
    if not tasks:
        return
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import ray
    from ray.data import ActorPoolStrategy, DataContext, from_items

    logging.getLogger("ray.data").setLevel(logging.ERROR)

    workers = min(workers, len(tasks))
    started = not ray.is_initialized()
    if started:
        here = not os.environ.get("RAY_ADDRESS")  # else it is started elsewhere, with settings of its own
        ray.init(
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            num_cpus=workers + 1 if here else None,
            object_store_memory=_OBJECT_STORE if here else None,
        )
    context = DataContext.get_current()
    bars, context.enable_progress_bars = context.enable_progress_bars, False
    try:
        found = from_items([{"task": task.dump()} for task in tasks], override_num_blocks=len(tasks)).map(
            cast(Any, EmbedWorker),
            fn_constructor_args=(str(run.folder.absolute()), out, max(1, thread_count() // workers)),
            compute=ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1),
            num_cpus=1,
            num_gpus=1 if scoring_device(run).type == "cuda" else 0,
        )
        for row in found.iter_rows():
            done = json.loads(row["done"])
            if "error" in done:
                raise getattr(errors, done["kind"], DataError)(done["error"])
            yield done
    finally:
        context.enable_progress_bars = bars
        if started:
            ray.shutdown()


def _check_share(unreadable: list[str], total: int, run: Run) -> None:
    """Stop where more crops are unreadable than the run allows."""
    allowed = run.recipe.data.unreadable_share
    if len(unreadable) > math.ceil(allowed * total):
        raise ImagesError(
            f"{len(unreadable):,} of {total:,} crops are unreadable so far, more than {allowed:.1%}: "
            f"{'; '.join(unreadable[:3])}; repair or remove them"
        )
