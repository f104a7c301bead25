"""`reseen embed`."""

from pathlib import Path


def embed(
    run: Path,
    *,
    data: Path,
    out: Path,
    camera_pattern: str | None = None,
    devices: int = 1,
    quiet: bool = False,
) -> None:
    """Write the vectors of a folder of crops to a Parquet file: path, camera, vector.

    Parameters
    ----------
    run
        A run folder.
    data
        A folder of crops or a manifest.
    out
        The Parquet file to write. Interrupted work goes on when the command is given again.
    camera_pattern
        Where a bare folder names its cameras; the run's own pattern when not given, none when empty.
    devices
        Processes that share the work, one per GPU, or sharing the cores.
    quiet
        Show no progress.
    """
    import pyarrow.parquet as pq

    from reseen.engine.embed import embed as embed_crops
    from reseen.engine.together import speaks

    path = embed_crops(run, data, out, camera_pattern=camera_pattern, devices=devices, quiet=quiet)
    if not speaks():
        return
    schema = pq.read_schema(path)
    rows = pq.read_metadata(path).num_rows
    print(f"{path}: {rows} vectors of {schema.field('vector').type.list_size} numbers")
