"""Embed millions of crops with Ray workers, into a folder of Parquet partitions.

Flow: list crops -> split rows into partitions -> skip existing ones -> workers, each with its own encoder, write
partitions -> mark the manifest `partitions.json` as done. Ray restarts a worker that dies and repeats its partition;
if the driver dies, rerun the command to resume.
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
from reseen.features.embed_worker import EmbedTask, EmbedWorker, split_tasks
from reseen.features.partitions import PartitionFolder
from reseen.optional_dependencies import require_package
from reseen.runs.checkpoint import CHECKPOINT
from reseen.runs.console import RunView
from reseen.runs.device import scoring_device
from reseen.runs.load_table import load_other_table
from reseen.runs.run import Run

PARTITION = 8192
"""Default number of crops per partition."""

_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
"""Environment variables that turn off Ray's usage statistics and backend logs, unless they are already set."""

_OBJECT_STORE = 256 << 20
"""Bytes of the object store of a Ray that is started here; only lists of paths go through it."""


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
    """Write the rows of `embed`, in the same order, as partitions into the folder or URL `out`, and return `out`.

    Existing partitions are not made again. If `RAY_ADDRESS` names a cluster, its machines are used and must reach the
    run, the crops and `out` under the same paths; otherwise workers are started on this machine and end with the
    call.

    Args:
        run: the run whose encoder is used.
        data: as for `embed`, or a URL of WebDataset shards such as `s3://bucket/shards`.
        out: a folder or a URL that fsspec can open.
        workers: number of workers, each with its own encoder.
        camera_pattern: where paths name the camera; None for the run's own pattern, empty for no cameras.
        rows: number of crops per partition.
        quiet: hide progress.

    Raises:
        SettingsError: Ray is not installed, or `workers` or `rows` is below 1.
        DataError: the data cannot be read.
        ImagesError: more crops are unreadable than the run's `data.unreadable_share` allows.
        RunError: `out` holds partitions of another model, of other crops or of another size.
        StorageError: `out` cannot be written.
    """
    if workers < 1 or rows < 1:
        raise SettingsError(f"--workers must be at least 1, got {workers}")
    require_package("ray.data", "ray")
    folder = PartitionFolder(str(out) if "://" in str(out) else str(Path(out).expanduser().absolute()))
    crops = _list_crops(run, data, camera_pattern)
    tasks = split_tasks(crops, rows)
    key = _key(run, crops, rows)
    manifest = folder.manifest()
    if manifest and manifest.get("key") != key:
        raise RunError(
            f"{folder.url}: holds partitions of another model, other crops or another size; give a new folder, or the "
            "run and the data they were made from"
        )
    if not manifest and folder.names():
        raise StorageError(
            f"{folder.url}: is not empty; give a new folder, or the one of an interrupted `embed`"
        )
    folder.make()
    if manifest.get("done"):
        return folder.url
    content = {"key": key, "partitions": len(tasks), "partition_rows": rows, "run": str(run.folder)}
    folder.write_manifest(content | {"done": False})
    existing = folder.names()
    sizes = {task.name: task.stop - task.start for task in tasks}
    with RunView(0, quiet) as view:
        progress = view.phase("embedding", len(crops))
        missing = [task for task in tasks if task.name not in existing]
        progress(len(crops) - sum(sizes[task.name] for task in missing))
        unreadable: list[str] = []
        for done in _work(missing, run, folder.url, workers):
            unreadable += done["unreadable"]
            _check_share(unreadable, len(crops), run)
            progress(sizes[done["name"]])
    lost = sizes.keys() - folder.names()
    if lost:
        raise StorageError(
            f"{folder.url}: lacks {len(lost):,} partitions, the first is {min(lost)}; rerun the command"
        )
    written = [folder.describe(task.name) for task in tasks]
    unreadable = [problem for _, metadata in written for problem in metadata["unreadable"]]
    _check_share(unreadable, len(crops), run)
    folder.write_manifest(
        content | {"done": True, "rows": sum(count for count, _ in written), "unreadable": unreadable}
    )
    return folder.url


def _list_crops(run: Run, data: str | Path | ImageTable, camera_pattern: str | None) -> CropLocations:
    if isinstance(data, str) and "://" in data:
        if camera_pattern is not None:
            raise SettingsError(
                "--camera-pattern is for folders of images; shards name cameras in the JSON of each image"
            )
        return read_remote(data)
    return locate_crops(load_other_table(run.recipe, data, camera_pattern))


def _key(run: Run, crops: CropLocations, rows: int) -> str:
    """A hash of what partitions are made from: weights, crops and partition size."""
    with (run.folder / CHECKPOINT).open("rb") as file:
        weights = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(f"{weights} {crops.fingerprint} {rows}".encode()).hexdigest()[:32]


def _work(tasks: list[EmbedTask], run: Run, out: str, workers: int) -> Iterator[dict[str, Any]]:
    """Yield the workers' report of each partition as it is finished."""
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
        is_local = not os.environ.get("RAY_ADDRESS")  # else a running cluster with its own settings
        ray.init(
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            num_cpus=workers + 1 if is_local else None,
            object_store_memory=_OBJECT_STORE if is_local else None,
        )
    context = DataContext.get_current()
    bars, context.enable_progress_bars = context.enable_progress_bars, False
    try:
        reports = from_items([{"task": task.dump()} for task in tasks], override_num_blocks=len(tasks)).map(
            cast(Any, EmbedWorker),
            fn_constructor_args=(str(run.folder.absolute()), out, max(1, thread_count() // workers)),
            compute=ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1),
            num_cpus=1,
            num_gpus=1 if scoring_device(run).type == "cuda" else 0,
        )
        for row in reports.iter_rows():
            report = json.loads(row["done"])
            if "error" in report:
                raise getattr(errors, report["kind"], DataError)(report["error"])
            yield report
    finally:
        context.enable_progress_bars = bars
        if started:
            ray.shutdown()


def _check_share(unreadable: list[str], total: int, run: Run) -> None:
    """Raise an ImagesError if more crops are unreadable than the run allows."""
    allowed = run.recipe.data.unreadable_share
    if len(unreadable) > math.ceil(allowed * total):
        raise ImagesError(
            f"{len(unreadable):,} of {total:,} crops are unreadable so far, more than {allowed:.1%}: "
            f"{'; '.join(unreadable[:3])}; repair or remove them"
        )
