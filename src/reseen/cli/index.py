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
    quiet: bool = False,
) -> None:
    """Keep the crops of a folder in a gallery that can be searched.

    Crops that are there are skipped, so the same command goes on after an interruption, takes in new crops, and brings
    clusters up to date.

    Parameters
    ----------
    run
        A run folder.
    data
        A folder of crops, a manifest, or shards.
    gallery
        Where to keep them: a folder, qdrant://HOST:6333/NAME, or postgresql://USER:PASSWORD@HOST/DATABASE.
    clusters
        The CSV file of `reseen cluster`, or a clusters.parquet; the run's own where it learned from this folder.
    thumbnails
        Keep a small picture of each crop.
    camera_pattern
        Where a bare folder names its cameras; the run's own pattern when not given, none when empty.
    camera
        Take in only this camera; may be given again.
    after
        Only at or after this time: seconds, or a date and time such as 2026-05-01T14:30, in UTC unless it says.
    before
        Only before this time. Crops without a time lie in no window.
    quiet
        Show no progress.
    """
    from reseen.gallery.in_use import refuse_if_in_use

    refuse_if_in_use(gallery)  # before torch is imported
    from reseen.gallery.filter import parse_filter
    from reseen.gallery.index import index_run

    done = index_run(
        run,
        data,
        gallery,
        clusters=clusters,
        thumbnails=thumbnails,
        camera_pattern=camera_pattern,
        where=parse_filter(camera, after, before, None),
        quiet=quiet,
    )
    parts = [f"{done.added:,} crops added"]
    for count, words in (
        (done.updated, "brought up to date"),
        (done.present, "there already"),
        (done.forgotten, "left out, forgotten here"),
        (done.passed_over, "left out by --camera, --after and --before"),
        (done.unreadable, "left out, unreadable"),
    ):
        if count:
            parts.append(f"{count:,} {words}")
    print(f"{done.address}: {'; '.join(parts)}; {done.count:,} in all")
