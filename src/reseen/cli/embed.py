"""`reseen embed`."""

from pathlib import Path


def embed(
    run: Path, *, data: Path, out: Path, camera_pattern: str | None = None, quiet: bool = False
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
    quiet
        Show no progress.
    """
    import pyarrow.parquet as pq

    from reseen.engine.embed import embed as embed_crops

    path = embed_crops(run, data, out, camera_pattern=camera_pattern, quiet=quiet)
    schema = pq.read_schema(path)
    rows = pq.read_metadata(path).num_rows
    print(f"{path}: {rows} vectors of {schema.field('vector').type.list_size} numbers")
