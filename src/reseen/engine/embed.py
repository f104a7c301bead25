"""Embed a folder of crops into a Parquet file, in parts, so that long work can go on where it stopped."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from reseen.data.table import ImageTable
from reseen.engine.console import RunView
from reseen.engine.crops import Crops, open_crops
from reseen.engine.extract import extract
from reseen.engine.partitions import describe_vectors, vector_table
from reseen.engine.read import read_other_table
from reseen.engine.run import Run, open_run
from reseen.engine.score import scoring_device
from reseen.errors import SettingsError, StorageError
from reseen.files import make_folder, write_atomically
from reseen.models import Encoder
from reseen.records import UNKNOWN_CAMERA

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
    quiet: bool = False,
) -> Path | str:
    """Write one row per readable crop: `path`, `camera` (null where unknown) and `vector`, a float32 list.

    Vectors have length 1, unless the run's features are raw.
    `camera_pattern` says where a bare folder names its cameras; the run's own when not given, none when empty.
    The work is kept in parts beside `out` until it is whole; the same call after an interruption goes on.

    The engine `ray` writes the same rows into a folder of partitions, `out`, with so many `workers`; data and `out`
    may then be addresses such as `s3://bucket/crops`: see `embed_by_ray`. Returns where the vectors are.

    Raises:
        RunError: `run` is no run folder, or partitions are of another one.
        DataError: the data cannot be read.
        SettingsError: Ray is asked for and not installed.
        StorageError: `out` cannot be written.
    """
    run = run if isinstance(run, Run) else open_run(run)
    if engine == "ray":
        from reseen.engine.embed_ray import embed_by_ray

        return embed_by_ray(run, data, out, workers=workers, camera_pattern=camera_pattern, quiet=quiet)
    for place in (data, out):
        if isinstance(place, str) and "://" in place:
            raise SettingsError(
                f"{place}: addresses are for --engine ray; give a folder or a file of this machine"
            )
    out = Path(out).expanduser()
    if out.is_dir():
        raise StorageError(f"{out}: is a folder; give the name of a Parquet file, or --engine ray")
    table = read_other_table(run.recipe, data, camera_pattern)
    device = scoring_device(run)
    encoder = run.encoder().to(device)
    make_folder(out.parent)
    # Parts of another model or other crops must never be mixed in, so both are part of the folder's name.
    parts = make_folder(out.with_name(f".{out.name}.{_key(run, table)}.parts"))
    crops = open_crops(table, run.recipe.data, encoder.height, encoder.width, progress=not quiet)
    said = describe_vectors(run, encoder)
    files = []
    with RunView(0, quiet) as view:
        view.say(*crops.notes)
        progress = view.phase("embedding", len(crops))
        for start in range(0, len(crops), PART):
            rows = np.arange(start, min(start + PART, len(crops)))
            files.append(parts / f"{start:012d}.parquet")
            if not files[-1].is_file():
                part = _embed_part(encoder, crops.select(rows), device, said)
                write_atomically(files[-1], lambda temporary, part=part: pq.write_table(part, temporary))
            progress(len(rows))
    write_atomically(out, lambda temporary: _join(files, temporary))
    for file in files:
        file.unlink()
    parts.rmdir()
    return out


def _join(files: list[Path], out: Path) -> None:
    """One file of all parts, one part in memory at a time."""
    with pq.ParquetWriter(out, pq.read_schema(files[0])) as writer:
        for file in files:
            writer.write_table(pq.read_table(file))


def _embed_part(encoder: Encoder, crops: Crops, device: torch.device, said: Mapping[str, Any]) -> pa.Table:
    vectors = extract(encoder, crops, device).vectors.numpy()
    names, cameras = crops.table.camera_names, crops.table.cameras
    return vector_table(
        crops.table.texts, [None if c == UNKNOWN_CAMERA else names[c] for c in cameras], vectors, said
    )


def _key(run: Run, table: ImageTable) -> str:
    stamp = (run.folder / "checkpoint.safetensors").stat()
    return f"{table.fingerprint[:12]}-{stamp.st_mtime_ns:x}-{stamp.st_size:x}"
