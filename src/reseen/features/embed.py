"""Embed a folder of crops into a Parquet file, in parts, so that an interrupted call can be resumed."""

import hashlib
import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32

from reseen.camera_means import PRIOR_SIGHTINGS, CameraCenters
from reseen.data.crops import Crops, open_crops
from reseen.data.table import ImageTable
from reseen.distributed.launch import is_main_process, launch
from reseen.distributed.process_group import ProcessGroup
from reseen.errors import SettingsError, StorageError
from reseen.features.engine import EngineChoice, EnginePrecision, compare_with_encoder, open_engine
from reseen.features.extract import extract
from reseen.features.feature_cache import FEATURE_CACHE_GIGABYTES, cache_notes, open_feature_cache
from reseen.features.partitions import PARQUET_OPTIONS, describe_vectors, vector_table, write_vectors
from reseen.files import write_atomically
from reseen.locks import exclusive_writer
from reseen.reading import parquet_schema, read_table
from reseen.records import UNKNOWN_CAMERA
from reseen.runs.camera_file import camera_means_of
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
    center_cameras: bool = False,
    mirrored: bool = False,
    devices: int = 1,
    exported: str | Path | None = None,
    precision: EnginePrecision = "32",
    feature_cache: float = FEATURE_CACHE_GIGABYTES,
    quiet: bool = False,
) -> Path | str:
    """Write the embeddings of all readable crops to a Parquet file, and return its path.

    The columns are `path`, `camera` (null if unknown) and `vector`, a float32 list of unit length unless the run's
    features are raw. Finished parts are kept next to `out` until all are there: if interrupted, repeat the call to
    resume.

    Args:
        run: the run, or its folder.
        data: a folder of crops, a manifest, shards, or a table; with Ray also a URL such as `s3://bucket/crops`.
        out: the Parquet file to write; with Ray a folder of partitions or a URL.
        engine: `plain` for this process, or `ray` for Ray workers, see `embed_by_ray`; both write the same rows.
        workers: number of Ray workers.
        camera_pattern: where paths name the camera; None for the run's own pattern, empty for no cameras.
        center_cameras: subtract the mean that a crop's camera had in training, or that of all for other cameras, and
            scale the rest to unit length; the file's metadata say so. With the engine `plain`.
        mirrored: average the embeddings of a crop and its mirror image, which takes twice as long; the file's metadata
            say so. With the engine `plain`.
        devices: number of processes of the engine `plain`.
        exported: a file that `export_run` wrote of this run, which computes the vectors in place of PyTorch: float32 or
            int8, by onnxruntime, OpenVINO or torch, on the CPU. With the engine `plain`.
        precision: how PyTorch computes: `32`; `auto`, float32 with batch norms multiplied into convolutions; or `bf16`.
            With the engine `plain`.
        feature_cache: size limit in gigabytes of the cache of features, which the engine `plain` uses; 0 for none.
        quiet: hide progress.

    Raises:
        RunError: `run` is not a run folder, or `out` holds partitions of another run.
        DataError: the data cannot be read.
        SettingsError: a URL without Ray, Ray or a runtime is not installed, cameras are to be centered by Ray or
            without means, or options exclude each other.
        ExportError: `exported` is damaged, is not of this run, or its vectors are too far from PyTorch's.
        StorageError: `out` cannot be written, or another process is writing it.

    Example:
        >>> reseen.embed("runs/market", "crops", "embeddings.parquet")
    """
    run = run if isinstance(run, Run) else open_run(run)
    if engine == "ray" and (center_cameras or mirrored):
        raise SettingsError(
            "cameras are centered and crops mirrored by the engine plain; leave out --engine ray, or the other"
        )
    if engine == "ray" and (exported is not None or precision != "32"):
        raise SettingsError(
            "Ray workers compute by PyTorch in float32; leave out --exported and --precision, or Ray"
        )
    choice = EngineChoice(None if exported is None else Path(exported).expanduser(), precision)
    centers = trained_centers(run) if center_cameras else None
    if engine == "ray":
        from reseen.features.embed_ray import embed_by_ray

        return embed_by_ray(run, data, out, workers=workers, camera_pattern=camera_pattern, quiet=quiet)
    for path in (data, out):
        if isinstance(path, str) and "://" in path:
            raise SettingsError(f"{path}: URLs need --engine ray; give a folder or file on this machine")
    out = Path(out).expanduser()
    if out.is_dir():
        raise StorageError(f"{out}: is a folder; give the name of a Parquet file, or --engine ray")
    table = load_other_table(run.recipe, data, camera_pattern)
    request = {
        "run": str(run.folder.absolute()),
        "out": str(out.absolute()),
        "feature_cache": feature_cache,
        "exported": None if choice.exported is None else str(choice.exported.absolute()),
        "precision": precision,
        "mirrored": mirrored,
    }

    with (
        exclusive_writer(out) if is_main_process() else nullcontext(),
        RunView(0, quiet or not is_main_process()) as view,
        launch(devices, scoring_device(run).type, "embed", request) as ranks,
    ):
        table = ranks.broadcast(table)
        job = _Embedding(run, table, out, ranks, choice, feature_cache, mirrored, centers)
        files = _embed_parts(job, view, quiet)
        if ranks.is_main:
            write_atomically(out, lambda temporary: _join(files, temporary))
            shutil.rmtree(job.parts, ignore_errors=True)
        ranks.barrier()
    return out


def embed_in_worker(ranks: ProcessGroup, request: dict[str, Any]) -> None:
    """Run `embed` in a worker process: embed its share of every part."""
    run, table = open_run(request["run"]), ranks.broadcast(None)
    exported = request["exported"]
    choice = EngineChoice(None if exported is None else Path(exported), request["precision"])
    cache, mirrored = request["feature_cache"], request["mirrored"]
    job = _Embedding(run, table, Path(request["out"]), ranks, choice, cache, mirrored)
    _embed_parts(job, RunView(0, True), True)
    ranks.barrier()


def trained_centers(run: Run) -> CameraCenters:
    """What training knew of each camera, drawn towards the mean of all its crops by the usual prior.

    Raises:
        SettingsError: the run keeps no means of cameras.
    """
    pool = camera_means_of(run)
    if pool is None or not pool.known:
        raise SettingsError(
            f"{run.folder}: keeps no means of cameras, since it was trained without cameras, stopped before its last "
            "round, or made by an earlier version; leave out --center-cameras, or train it to the end with --resume"
        )
    return pool.shrunk(None, PRIOR_SIGHTINGS)


@dataclass(frozen=True)
class _Embedding:
    """What a process embeds, and how."""

    run: Run
    table: ImageTable
    out: Path
    ranks: ProcessGroup
    engine: EngineChoice
    feature_cache: float
    mirrored: bool
    centers: CameraCenters | None = None

    @cached_property
    def parts(self) -> Path:
        """The folder of the parts; its name identifies model, engine and crops, so that no others are mixed in."""
        engine = f"-{self.engine.key[:12]}" if self.engine.key else ""
        kind = ("-mirrored" if self.mirrored else "") + ("-centered" if self.centers is not None else "")
        return self.out.with_name(f".{self.out.name}.{_key(self.run, self.table)}{engine}{kind}.parts")


def _embed_parts(job: _Embedding, view: RunView, quiet: bool) -> list[Path]:
    """Write the missing parts, and return the files of all parts in order."""
    run, table, ranks, centers = job.run, job.table, job.ranks, job.centers
    device = scoring_device(run, ranks)
    encoder = run.encoder().to(device)
    engine = open_engine(run, encoder, job.engine)
    with ranks.main_process_first():
        size = (encoder.height, encoder.width)
        crops = open_crops(table, run.reading, *size, progress=ranks.is_main and not quiet)
    view.say(*crops.notes)
    cache = open_feature_cache(run, engine.encoder, crops, device, job.feature_cache, engine=engine.key)
    parity = compare_with_encoder(engine, encoder, crops, device) if ranks.is_main else None
    progress = view.phase("embedding", len(crops))
    embedded, files, metadata = 0, [], describe_vectors(run, encoder) | engine.describe(parity)
    if centers is not None:
        metadata["camera_centering"] = "mean of the camera in training subtracted"
    if job.mirrored:
        metadata["views"] = "mean of a crop and its mirror image"
    for start in range(0, len(crops), PART):
        rows = np.arange(start, min(start + PART, len(crops)))
        files.append(job.parts / f"{start:012d}.parquet")
        if not ranks.run_on_main(files[-1].is_file):
            part_crops = crops.select(rows)
            vectors = extract(
                engine.encoder,
                part_crops,
                device,
                mirrored=job.mirrored,
                ranks=ranks,
                cache=cache,
                embedder=engine.file,
            ).vectors.numpy()
            embedded += len(part_crops)
            if ranks.is_main:
                part = _embed_part(part_crops, vectors, metadata, centers)
                write_atomically(files[-1], partial(write_vectors, part))
        progress(len(rows))
    view.say(*cache_notes(cache, embedded))
    return files


def _embed_part(
    crops: Crops,
    vectors: Float32[np.ndarray, "n d"],
    metadata: Mapping[str, Any],
    centers: CameraCenters | None = None,
) -> pa.Table:
    names = crops.table.camera_names
    cameras = [None if camera == UNKNOWN_CAMERA else names[camera] for camera in crops.table.cameras]
    vectors = vectors if centers is None else centers.center(vectors, cameras)
    return vector_table(crops.table.texts, cameras, vectors, metadata)


def _join(files: list[Path], out: Path) -> None:
    """Concatenate the parts into one file, with one part in memory at a time."""
    if len(files) == 1:
        shutil.copyfile(files[0], out)
        return
    with pq.ParquetWriter(out, parquet_schema(files[0]), **PARQUET_OPTIONS) as writer:
        for file in files:
            writer.write_table(read_table(file))


def _key(run: Run, table: ImageTable) -> str:
    # a content hash, since modification times depend on clocks
    with (run.folder / CHECKPOINT).open("rb") as file:
        model = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{table.fingerprint[:12]}-{model[:12]}"
