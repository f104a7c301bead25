"""`reseen embed`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def embed(
    run: Path,
    *,
    data: str,
    out: str,
    engine: Literal["plain", "ray"] = "plain",
    workers: int | None = None,
    camera_pattern: str | None = None,
    center_cameras: Annotated[bool, Parameter(negative=())] = False,
    flip: Annotated[bool, Parameter(negative=())] = False,
    devices: int = 1,
    exported: Path | None = None,
    precision: Literal["32", "auto", "bf16"] = "32",
    feature_cache: float = 4.0,
    quiet: bool = False,
) -> None:
    """Write the embeddings of a folder of crops to a Parquet file with the columns path, camera and vector.

    For millions of crops, --engine ray writes a folder of partitions from several workers.

    Parameters
    ----------
    run
        A run folder.
    data
        A folder of crops, a manifest or shards; with Ray also the URL of shards, such as s3://bucket/shards.
    out
        The Parquet file to write; with Ray a folder or a URL. If interrupted, rerun the command to resume.
    engine
        plain: this process; ray: Ray workers on this machine, or on the cluster in RAY_ADDRESS.
    workers
        Number of Ray workers, each with its own encoder; default: 2.
    camera_pattern
        Where paths name the camera; default: the run's own pattern; empty: no cameras.
    center_cameras
        Subtract the mean that each camera had in training from its vectors.
    flip
        Average the features of each crop and its mirror image, which takes twice as long.
    devices
        Number of processes, one per GPU; on a CPU they share the cores.
    exported
        A file that reseen export wrote of this run (.onnx, .xml or .pt2, float32 or int8), which computes the vectors
        in place of PyTorch, on the CPU.
    precision
        How PyTorch computes: 32: float32; auto: float32, with batch norms multiplied into convolutions; bf16: bfloat16,
        fast on processors with instructions for it, and less exact.
    feature_cache
        Size limit, in gigabytes, of the cache of features, so that other commands need not embed the same crops again;
        0: no cache.
    quiet
        Hide progress.
    """
    from reseen.distributed.launch import is_main_process
    from reseen.errors import SettingsError
    from reseen.features.embed import embed as embed_crops
    from reseen.features.partitions import summarize_embeddings

    if engine == "plain" and workers is not None:
        raise SettingsError("--workers needs --engine ray; leave it out, or add --engine ray")
    if engine == "ray" and devices != 1:
        raise SettingsError("--devices needs --engine plain; with Ray set --workers")
    output = embed_crops(
        run,
        data,
        out,
        engine=engine,
        workers=workers or 2,
        camera_pattern=camera_pattern,
        center_cameras=center_cameras,
        mirrored=flip,
        devices=devices,
        exported=exported,
        precision=precision,
        feature_cache=feature_cache,
        quiet=quiet,
    )
    if not is_main_process():
        return
    summary = summarize_embeddings(output)
    if summary.partitions is None:
        print(f"{output}: {summary.rows} vectors of dimension {summary.dimension}")
        if summary.engine:
            print(summary.engine)
        return
    skipped = f"; skipped, unreadable: {summary.unreadable:,}" if summary.unreadable else ""
    print(f"{output}: {summary.rows:,} vectors in {summary.partitions:,} partitions{skipped}")
