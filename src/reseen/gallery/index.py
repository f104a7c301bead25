"""Indexing: embed a folder of crops into a gallery, incrementally, with their clusters where known."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from reseen.data.crops import Crops, open_crops
from reseen.data.decode import quiet_pillow
from reseen.data.parallel import in_blocks
from reseen.data.pixel_cache import cache_folder
from reseen.data.table import ImageTable
from reseen.features.extract import extract
from reseen.features.feature_cache import (
    FEATURE_CACHE_GIGABYTES,
    FeatureCache,
    cache_notes,
    open_feature_cache,
)
from reseen.features.feature_entries import feature_folder
from reseen.gallery.copies import record_copy
from reseen.gallery.deletion_log import deleted_keys
from reseen.gallery.entries import Entries, Entry
from reseen.gallery.filter import EVERYTHING, Filter, resolve_camera_names
from reseen.gallery.gallery import Gallery, open_gallery
from reseen.gallery.in_use import refuse_if_in_use
from reseen.gallery.known_clusters import known_clusters
from reseen.gallery.people.update import PeopleUpdate
from reseen.gallery.people.update_people import AssignmentSettings, assign_people
from reseen.gallery.store import replace_entries
from reseen.gallery.thumbnail import thumbnail
from reseen.gallery.tracklet_numbers import renumber_tracklets
from reseen.models import Encoder
from reseen.records import UNKNOWN_CAMERA
from reseen.runs.console import RunView
from reseen.runs.device import scoring_device
from reseen.runs.load_table import load_other_table
from reseen.runs.run import Run, open_run

PART = 1024
"""Crops per batch; an interruption loses at most one batch."""


@dataclass(frozen=True)
class IndexResult:
    """Counts of what `index_run` did."""

    address: str
    """Address of the gallery, without a password."""
    added: int
    """Crops embedded and added."""
    updated: int
    """Crops whose camera, time, tracklet or cluster changed."""
    present: int
    """Crops that were up to date."""
    unreadable: int
    """Crops that could not be decoded."""
    forgotten: int
    """Crops skipped because they were deleted from this gallery."""
    passed_over: int
    """Crops that do not match `where`."""
    count: int
    """Entries in the gallery now."""
    people: PeopleUpdate | None = None
    """What changed about its people; None if there are none, or they were not to be updated."""
    mirrored: bool = False
    """Whether the gallery's vectors are means of each crop and its mirror image."""


def index_run(
    run: Run | str | Path,
    data: str | Path | ImageTable,
    address: str | Path,
    *,
    clusters: str | Path | None = None,
    thumbnails: bool = True,
    camera_pattern: str | None = None,
    where: Filter = EVERYTHING,
    mirrored: bool | None = None,
    people: bool = True,
    assignment: AssignmentSettings | None = None,
    feature_cache: float = FEATURE_CACHE_GIGABYTES,
    quiet: bool = False,
) -> IndexResult:
    """Embed the crops of `data` into a gallery, which is created if it does not exist.

    Indexing is incremental: crops in the gallery are not embedded again, only changed metadata is updated, and crops
    that were deleted from the gallery are skipped. Therefore the same call resumes after an interruption, and after a
    new clustering it updates the clusters.

    Args:
        run: a run or its folder; its model embeds the crops.
        data: a folder of crops, a manifest, or a table.
        address: a folder, `qdrant://...` or `postgresql://...`; see `open_store`.
        clusters: a CSV file of `cluster_crops` or a `clusters.parquet`; by default the run's clusters if it was trained
            on this folder.
        thumbnails: store a thumbnail of each crop.
        camera_pattern: how file names of a bare folder name the camera; by default the run's pattern, none if empty.
        where: index only crops that match, such as by camera and time.
        mirrored: average the embeddings of a crop and its mirror image, which takes twice as long, here and for all
            that is compared with the gallery later; by default as the gallery does, and not in a new one.
        people: if the gallery has people, match them with new clusters, and assign the new crops.
        assignment: how crops are assigned to people; the defaults of `AssignmentSettings` when None.
        feature_cache: size limit in gigabytes of the cache of features; 0 for none.
        quiet: show no progress.

    Raises:
        RunError: `run` is no run folder.
        SettingsError: a camera in `where` is not in the data, or a setting of `assignment` is invalid.
        DataError: crops or clusters cannot be read.
        GalleryError: the gallery is damaged, in use, of another model, or not as `mirrored` says.
        StorageError: the disk is full, or the gallery cannot be written.

    Example:
        >>> result = reseen.index_run("runs/market", "Market-1501", "gallery")
        >>> result.added, result.count
        (12936, 12936)
    """
    refuse_if_in_use(address)  # before crops are listed and a model is loaded
    run = run if isinstance(run, Run) else open_run(run)
    table = load_other_table(run.recipe, data, camera_pattern)
    place = f"folder, {table.root}"
    where = replace(
        where,
        cameras=where.cameras and resolve_camera_names(where.cameras, table.camera_names, place),
        not_cameras=where.not_cameras and resolve_camera_names(where.not_cameras, table.camera_names, place),
    )
    known = known_clusters(run, table, clusters)
    device = scoring_device(run)
    with open_gallery(address, run, create=True, mirrored=mirrored) as gallery, RunView(0, quiet) as view:
        encoder = gallery.encoder.to(device)
        view.say(*gallery.notes)
        table = renumber_tracklets(gallery.store, table)
        matching = _select(table, [where.matches(entry) for entry in _entries(table, known).values()])
        deleted = deleted_keys(gallery.address)  # before decoding
        to_index = _select(matching, [key not in deleted for key in _entries(matching, {})])
        crops = None
        if len(to_index):
            crops = open_crops(to_index, run.reading, encoder.height, encoder.width, progress=not quiet)
        count, cache = 0 if crops is None else len(crops), None
        if crops is not None:
            view.say(*crops.notes)
            if crops.store.source == "cache":
                record_copy(gallery.address, "pixels", cache_folder(run.reading.cache_dir))
            cache = open_feature_cache(run, encoder, crops, device, feature_cache)
            if cache is not None:
                record_copy(gallery.address, "features", feature_folder(run.reading.cache_dir))
        model = _Model(encoder, device, cache)
        progress = view.phase("indexing", count)
        added = updated = 0
        for start in range(0, count, PART):
            assert crops is not None
            part = crops.select(np.arange(start, min(start + PART, count)))
            new, changed = _add_part(gallery, part, known, model, thumbnails, run.recipe.data.white_level)
            added, updated = added + new, updated + changed
            progress(len(part))
        updated_people = None
        if people and len(gallery.people):
            view.say(*gallery.people.notes)
            updated_people = assign_people(gallery, assignment)
        view.say(*cache_notes(cache, added))
        description = gallery.store.describe()
    return IndexResult(
        description.address,
        added,
        updated,
        count - added - updated,
        len(to_index) - count,
        len(matching) - len(to_index),
        len(table) - len(matching),
        description.count,
        updated_people,
        description.model.mirrored,
    )


@dataclass(frozen=True)
class _Model:
    """What embeds the crops."""

    encoder: Encoder
    device: torch.device
    cache: FeatureCache | None


def _add_part(
    gallery: Gallery,
    crops: Crops,
    clusters: dict[str, int],
    model: _Model,
    thumbnails: bool,
    white_level: float | None,
) -> tuple[int, int]:
    """Add new crops and update changed ones, whatever other processes do meanwhile; returns the numbers of both."""
    store = gallery.store
    current = _entries(crops.table, clusters)
    stored = {}
    for batch in store.scan(Filter(keys=tuple(current))):
        stored.update(
            {entry.key: (entry, row) for entry, row in zip(batch.entries, batch.vectors, strict=True)}
        )
    changed = [key for key, (entry, _) in stored.items() if _metadata(entry) != _metadata(current[key])]
    if changed:
        entries = [replace(current[key], thumbnail=stored[key][0].thumbnail) for key in changed]
        replace_entries(store, Entries(entries, np.stack([stored[key][1] for key in changed])))
    missing = np.array([row for row, key in enumerate(current) if key not in stored], dtype=np.int64)
    if len(missing):
        rows = crops.select(missing)
        images = thumbnails_of(rows.table, white_level) if thumbnails else [b""] * len(missing)
        keys = list(current)
        entries = [
            replace(current[keys[row]], thumbnail=image) for row, image in zip(missing, images, strict=True)
        ]
        vectors = extract(
            model.encoder, rows, model.device, mirrored=gallery.model.mirrored, cache=model.cache
        ).numpy
        deleted = deleted_keys(gallery.address)  # another process may have deleted some meanwhile
        kept = [row for row, entry in enumerate(entries) if entry.key not in deleted]
        store.add(Entries([entries[row] for row in kept], vectors[kept]))
        return len(kept), len(changed)
    return 0, len(changed)


def _entries(table: ImageTable, clusters: dict[str, int]) -> dict[str, Entry]:
    """Entries of a table by key, in row order, without thumbnails."""
    source, tracklets, times = str(table.root), table.tracklets, table.times
    entries = {}
    for row, image in enumerate(table.texts):
        camera = int(table.cameras[row])
        entry = Entry(
            source,
            image,
            b"",
            None if camera == UNKNOWN_CAMERA else table.camera_names[camera],
            None if times is None or np.isnan(times[row]) else float(times[row]),
            None if tracklets is None or tracklets[row] < 0 else int(tracklets[row]),
            clusters.get(image),
        )
        entries[entry.key] = entry
    return entries


def _select(table: ImageTable, mask: Sequence[bool]) -> ImageTable:
    """The rows where `mask` is true; the table itself if all are, so that its pixel cache is found."""
    return table if all(mask) else table.select(np.flatnonzero(mask))


def _metadata(entry: Entry) -> tuple[object, ...]:
    return entry.camera, entry.time, entry.tracklet, entry.cluster


def thumbnails_of(table: ImageTable, white_level: float | None = None) -> list[bytes]:
    """JPEG thumbnails of all crops of a table, in row order; empty bytes for unreadable crops."""
    thumbnails: list[bytes] = [b""] * len(table)

    def work(rows: range) -> list[bytes]:
        return [thumbnail(table.source(row), white_level) for row in rows]

    with quiet_pillow():
        for rows, block in in_blocks(work, len(table), 64):
            thumbnails[rows.start : rows.stop] = block
    return thumbnails
