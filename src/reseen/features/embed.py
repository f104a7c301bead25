"""Embed a folder of crops into a Parquet file, in parts, so that long work can go on where it stopped."""

import hashlib
import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32

from reseen.data.crops import Crops, open_crops
from reseen.data.table import ImageTable
from reseen.distributed.launch import is_main_process, launch
from reseen.distributed.process_group import ProcessGroup
from reseen.errors import SettingsError, StorageError
from reseen.features.extract import extract
from reseen.features.partitions import describe_vectors, vector_table
from reseen.files import write_atomically
from reseen.locks import exclusive_writer
from reseen.reading import parquet_schema, read_table
from reseen.records import UNKNOWN_CAMERA
from reseen.runs.checkpoint import CHECKPOINT
from reseen.runs.console import RunView
from reseen.runs.device import scoring_device
from reseen.runs.load_table import load_other_table
from reseen.runs.run import Run, open_run

PART = 8192
"""Crops per part."""


def embed(
    run: Run | str | Path,
    data: str | Path | ImageTable,
    out: str | Path,
    *,
    engine: Literal["plain", "ray"] = "plain",
    workers: int = 2,
    camera_pattern: str | None = None,
    devices: int = 1,
    quiet: bool = False,
) -> Path | str:
    """Write one row per readable crop: `path`, `camera` (null where unknown) and `vector`, a float32 list.

    Vectors have length 1, unless the run's features are raw.
    `camera_pattern` says where a bare folder names its cameras; the run's own when not given, none when empty.
    The work is kept in parts beside `out` until it is whole; the same call after an interruption goes on. With several
    `devices`, as many processes share it.

    The engine `ray` writes the same rows into a folder of partitions, `out`, with so many `workers`; data and `out`
    may then be addresses such as `s3://bucket/crops`: see `embed_by_ray`. Returns where the vectors are.

    Raises:
        RunError: `run` is no run folder, or partitions are of another one.
        DataError: the data cannot be read.
        SettingsError: Ray is asked for and not installed.
        StorageError: `out` cannot be written, or another process is writing it.
    """
    run = run if isinstance(run, Run) else open_run(run)
    if engine == "ray":
        from reseen.features.embed_ray import embed_by_ray

        return embed_by_ray(run, data, out, workers=workers, camera_pattern=camera_pattern, quiet=quiet)
    for place in (data, out):
        if isinstance(place, str) and "://" in place:
            raise SettingsError(
                f"{place}: addresses are for --engine ray; give a folder or a file of this machine"
            )
    out = Path(out).expanduser()
    if out.is_dir():
        raise StorageError(f"{out}: is a folder; give the name of a Parquet file, or --engine ray")
    table = load_other_table(run.recipe, data, camera_pattern)
    request = {"run": str(run.folder.absolute()), "out": str(out.absolute())}
    parts = _parts(run, table, out)

    with (
        exclusive_writer(out) if is_main_process() else nullcontext(),
        RunView(0, quiet or not is_main_process()) as view,
        launch(devices, scoring_device(run).type, "embed", request) as ranks,
    ):
        files = _embed_parts(run, ranks.broadcast(table), out, ranks, view, quiet)
        if ranks.is_main:
            write_atomically(out, lambda temporary: _join(files, temporary))
            shutil.rmtree(parts, ignore_errors=True)
        ranks.barrier()
    return out


def embed_in_worker(ranks: ProcessGroup, request: dict[str, Any]) -> None:
    """What the helpers of `embed` do: their share of every part."""
    _embed_parts(
        open_run(request["run"]), ranks.broadcast(None), Path(request["out"]), ranks, RunView(0, True), True
    )
    ranks.barrier()


def _embed_parts(
    run: Run, table: ImageTable, out: Path, ranks: ProcessGroup, view: RunView, quiet: bool
) -> list[Path]:
    """Write the parts that are missing; all parts, in order."""
    device = scoring_device(run, ranks)
    encoder = run.encoder().to(device)
    parts = _parts(run, table, out)
    with ranks.main_process_first():
        size = (encoder.height, encoder.width)
        crops = open_crops(table, run.reading, *size, progress=ranks.is_main and not quiet)
    view.say(*crops.notes)
    progress = view.phase("embedding", len(crops))
    files, said = [], describe_vectors(run, encoder)
    for start in range(0, len(crops), PART):
        rows = np.arange(start, min(start + PART, len(crops)))
        files.append(parts / f"{start:012d}.parquet")
        if not ranks.run_on_main(files[-1].is_file):
            some = crops.select(rows)
            vectors = extract(encoder, some, device, ranks=ranks).vectors.numpy()
            if ranks.is_main:
                part = _embed_part(some, vectors, said)
                write_atomically(files[-1], lambda temporary, part=part: pq.write_table(part, temporary))
        progress(len(rows))
    return files


def _embed_part(crops: Crops, vectors: Float32[np.ndarray, "n d"], said: Mapping[str, Any]) -> pa.Table:
    names, cameras = crops.table.camera_names, crops.table.cameras
    return vector_table(
        crops.table.texts, [None if c == UNKNOWN_CAMERA else names[c] for c in cameras], vectors, said
    )


def _join(files: list[Path], out: Path) -> None:
    """One file of all parts, one part in memory at a time."""
    with pq.ParquetWriter(out, parquet_schema(files[0])) as writer:
        for file in files:
            writer.write_table(read_table(file))


def _parts(run: Run, table: ImageTable, out: Path) -> Path:
    """Parts of another model or other crops must never be mixed in, so both are part of the folder's name."""
    return out.with_name(f".{out.name}.{_key(run, table)}.parts")


def _key(run: Run, table: ImageTable) -> str:
    # the file's time would tell two models apart as well, if clocks were right
    with (run.folder / CHECKPOINT).open("rb") as file:
        model = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{table.fingerprint[:12]}-{model[:12]}"
