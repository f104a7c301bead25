"""`reseen embed`."""

from pathlib import Path
from typing import Literal


def embed(
    run: Path,
    *,
    data: str,
    out: str,
    engine: Literal["plain", "ray"] = "plain",
    workers: int | None = None,
    camera_pattern: str | None = None,
    devices: int = 1,
    quiet: bool = False,
) -> None:
    """Write the vectors of a folder of crops to a Parquet file: path, camera, vector.

    For millions of crops, --engine ray writes a folder of partitions with several workers.

    Parameters
    ----------
    run
        A run folder.
    data
        A folder of crops, a manifest or shards; with Ray also an address of shards, such as s3://bucket/shards.
    out
        The Parquet file to write, with Ray a folder or an address. Interrupted work goes on when the command is given
        again.
    engine
        Which engine: plain is this process, ray is workers of Ray, here or on the cluster that RAY_ADDRESS names.
    workers
        Workers of Ray, each with its own encoder; 2 when not given.
    camera_pattern
        Where a bare folder names its cameras; the run's own pattern when not given, none when empty.
    devices
        Processes that share the work, one per GPU, or sharing the cores.
    quiet
        Show no progress.
    """
    from reseen.distributed.launch import is_main_process
    from reseen.errors import SettingsError
    from reseen.features.embed import embed as embed_crops
    from reseen.features.partitions import PartitionFolder

    if engine == "plain" and workers is not None:
        raise SettingsError("--workers is for --engine ray; leave it out")
    if engine == "ray" and devices != 1:
        raise SettingsError("--devices is for --engine plain; give the number of --workers")
    made = embed_crops(
        run,
        data,
        out,
        engine=engine,
        workers=workers or 2,
        camera_pattern=camera_pattern,
        devices=devices,
        quiet=quiet,
    )
    if engine == "ray":
        found = PartitionFolder(str(made)).manifest()
        left = f"; left out, unreadable: {len(found['unreadable']):,}" if found["unreadable"] else ""
        print(f"{made}: {found['rows']:,} vectors in {found['partitions']:,} partitions{left}")
        return
    import pyarrow.parquet as pq

    if not is_main_process():
        return
    schema, rows = pq.read_schema(made), pq.read_metadata(made).num_rows
    print(f"{made}: {rows} vectors of {schema.field('vector').type.list_size} numbers")
