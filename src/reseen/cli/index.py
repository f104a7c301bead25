"""`reseen index`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def index(
    run: Path,
    *,
    data: Path,
    gallery: str,
    clusters: Path | None = None,
    thumbnails: bool = True,
    camera_pattern: str | None = None,
    camera: Annotated[list[str] | None, Parameter(negative=())] = None,
    after: str | None = None,
    before: str | None = None,
    feature_cache: float = 4.0,
    quiet: bool = False,
) -> None:
    """Index a folder of crops in a searchable gallery.

    Crops already in the gallery are skipped: rerun the command to resume after an interruption, to add new crops, or
    to update clusters.

    Parameters
    ----------
    run
        A run folder.
    data
        A folder of crops, a manifest, or shards.
    gallery
        Address of the gallery: a folder, qdrant://HOST:6333/NAME, or postgresql://USER:PASSWORD@HOST/DATABASE.
    clusters
        The CSV file of `reseen cluster`, or a clusters.parquet; default: the run's own if it was trained on this
        folder.
    thumbnails
        Store a thumbnail of each crop.
    camera_pattern
        Where paths name the camera; default: the run's own pattern; empty: no cameras.
    camera
        Add only this camera. Repeatable.
    after
        Only at or after this time: Unix seconds, or a date and time such as 2026-05-01T14:30 (UTC unless it has an
        offset).
    before
        Only before this time. Crops without a time are outside every time window.
    feature_cache
        Size limit, in gigabytes, of the cache of features, so that other commands need not embed the same crops again;
        0: no cache.
    quiet
        Hide progress.
    """
    from reseen.gallery.in_use import refuse_if_in_use

    refuse_if_in_use(gallery)  # before torch is imported
    from reseen.gallery.filter import parse_filter
    from reseen.gallery.index import index_run

    indexed = index_run(
        run,
        data,
        gallery,
        clusters=clusters,
        thumbnails=thumbnails,
        camera_pattern=camera_pattern,
        where=parse_filter(camera, after, before, None),
        feature_cache=feature_cache,
        quiet=quiet,
    )
    parts = [f"{indexed.added:,} crops added"]
    for count, label in (
        (indexed.updated, "updated"),
        (indexed.present, "already there"),
        (indexed.forgotten, "skipped, deleted earlier"),
        (indexed.passed_over, "skipped by --camera, --after and --before"),
        (indexed.unreadable, "skipped, unreadable"),
    ):
        if count:
            parts.append(f"{count:,} {label}")
    print(f"{indexed.address}: {'; '.join(parts)}; {indexed.count:,} in total")
