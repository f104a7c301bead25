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
    flip: bool | None = None,
    people: bool = True,
    same_from: float | None = None,
    new_below: float | None = None,
    camera_graph: Path | None = None,
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
    flip
        Average the features of each crop and its mirror image, which takes twice as long. A gallery keeps this setting
        for all that is added to it and compared with it; default: the gallery's own, and off for a new one.
    people
        If the gallery has people: match them with new clusters, and assign each new tracklet to one of them, to
        somebody new, or to the questions.
    same_from
        Cosine similarity from which new crops are assigned to the most similar person; default: the calibrated one, at
        medium or high trust.
    new_below
        Cosine similarity below which they are somebody new; default: the calibrated one. Between the two is asked.
    camera_graph
        A YAML file of neighboring cameras and travel times: only people who can have come are candidates.
    feature_cache
        Size limit, in gigabytes, of the cache of features, so that other commands need not embed the same crops again;
        0: no cache.
    quiet
        Hide progress.
    """
    from reseen.gallery.in_use import refuse_if_in_use

    refuse_if_in_use(gallery)  # before torch is imported
    from reseen.cli.people import show_differences
    from reseen.gallery.filter import parse_filter
    from reseen.gallery.index import index_run
    from reseen.gallery.people.update_people import AssignmentSettings

    indexed = index_run(
        run,
        data,
        gallery,
        clusters=clusters,
        thumbnails=thumbnails,
        camera_pattern=camera_pattern,
        where=parse_filter(camera, after, before, None),
        mirrored=flip,
        people=people,
        assignment=AssignmentSettings(same_from, new_below, camera_graph),
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
    if indexed.mirrored:
        print("Vectors: means of each crop and its mirror image")
    if indexed.people is not None:
        show_differences(indexed.people.differences)
        print(f"People: {indexed.people.summary}")
        print(indexed.people.thresholds)
