"""Fill a gallery with a folder of crops; what is there already is not embedded again.

Which cluster each crop of a table is in, as far as a run or a file says.
"""

import csv
import os
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
from reseen.errors import DataError, RunError
from reseen.features.extract import extract
from reseen.gallery.copies import record_copy
from reseen.gallery.deletion_log import forgotten_keys
from reseen.gallery.entries import Entries, Entry
from reseen.gallery.filter import EVERYTHING, Filter, named_cameras
from reseen.gallery.gallery import open_gallery
from reseen.gallery.in_use import refuse_if_in_use
from reseen.gallery.store import Store
from reseen.gallery.thumbnail import thumbnail
from reseen.models import Encoder
from reseen.reading import read_lines
from reseen.records import UNKNOWN_CAMERA
from reseen.runs.cluster_file import CLUSTERS, read_members
from reseen.runs.console import RunView
from reseen.runs.device import scoring_device
from reseen.runs.load_table import load_other_table
from reseen.runs.run import Run, open_run
from reseen.text import parse_spreadsheet_cell


def known_clusters(run: Run, table: ImageTable, file: str | Path | None) -> dict[str, int]:
    """Cluster of each path, from a CSV or Parquet file, or from the run where it learned from this very folder.

    Raises:
        DataError: the file cannot be read, or holds no crop of the table.
    """
    if file is None:
        own = run.folder / CLUSTERS
        learned = own.is_file() and os.path.realpath(run.facts.get("root") or "") == os.path.realpath(
            table.root
        )
        return read_members(own) if learned else {}
    path = Path(file).expanduser()
    try:
        found = _read_csv(path) if path.suffix.lower() == ".csv" else read_members(path)
    except (RunError, OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise DataError(
            f"{path}: cannot be read as clusters, wanted the columns path and cluster ({error})"
        ) from None
    if not found.keys() & set(table.texts):
        raise DataError(f"{path}: holds no crop of {table.root}; give the clusters of this folder")
    return found


def _read_csv(file: Path) -> dict[str, int]:
    return {
        parse_spreadsheet_cell(row["path"]): _cluster(row["cluster"])
        for row in csv.DictReader(read_lines(file))
    }


def _cluster(text: str) -> int:
    if len(text) > 18:
        raise ValueError(f"{text[:30]}... is no number of a cluster")
    return int(text)


PART = 1024
"""Crops that are added at once; an interruption loses at most these."""


@dataclass(frozen=True)
class Indexed:
    """What `index_run` did."""

    address: str
    added: int
    """Crops embedded and added."""
    updated: int
    """Crops that were there, with another camera, time, tracklet or cluster."""
    present: int
    """Crops that were there as they are."""
    unreadable: int
    forgotten: int
    """Crops left out because they were forgotten here."""
    passed_over: int
    """Crops that the conditions leave out."""
    count: int
    """Entries in the gallery now."""


def index_run(
    run: Run | str | Path,
    data: str | Path | ImageTable,
    address: str | Path,
    *,
    clusters: str | Path | None = None,
    thumbnails: bool = True,
    camera_pattern: str | None = None,
    where: Filter = EVERYTHING,
    quiet: bool = False,
) -> Indexed:
    """Embed the crops of `data` and keep them in the gallery at `address`, which is made where there is none.

    Crops that are there are skipped; where what is known of them has changed, that is written and nothing is embedded.
    Crops that were forgotten are left out, and not decoded either. So the same call after an interruption goes on, and
    after a new clustering brings the clusters up to date.

    Args:
        run: the model.
        data: a folder of crops, a manifest, or a table.
        address: a folder, `qdrant://...` or `postgresql://...`.
        clusters: a CSV file of `cluster_crops` or a `clusters.parquet`; those of the run where it learned from these
            crops and nothing is given.
        thumbnails: keep a small picture of every crop.
        camera_pattern: where a bare folder names its cameras; the run's own when not given, none when empty.
        where: take in only crops for which this holds, such as cameras and a window of time.
        quiet: show no progress.

    Raises:
        RunError: `run` is no run folder.
        SettingsError: a camera in `where` is none of the crops'.
        DataError: the crops or the clusters cannot be read.
        GalleryError: the gallery holds vectors of another model, is damaged or in use.
        StorageError: the place is full or cannot be written.
    """
    refuse_if_in_use(address)  # before crops are listed and a model is loaded
    run = run if isinstance(run, Run) else open_run(run)
    table = load_other_table(run.recipe, data, camera_pattern)
    place = f"folder, {table.root}"
    where = replace(
        where,
        cameras=where.cameras and named_cameras(where.cameras, table.camera_names, place),
        not_cameras=where.not_cameras and named_cameras(where.not_cameras, table.camera_names, place),
    )
    known = known_clusters(run, table, clusters)
    device = scoring_device(run)
    with open_gallery(address, run, create=True) as gallery, RunView(0, quiet) as view:
        encoder = gallery.encoder.to(device)
        view.say(*gallery.notes)
        wanted = _select(table, [where.matches(entry) for entry in _entries(table, known).values()])
        gone = forgotten_keys(gallery.address)
        taken = _select(
            wanted, [key not in gone for key in _entries(wanted, {})]
        )  # before anything is decoded
        crops = (
            open_crops(taken, run.reading, encoder.height, encoder.width, progress=not quiet)
            if len(taken)
            else None
        )
        count = 0 if crops is None else len(crops)
        if crops is not None:
            view.say(*crops.notes)
            if crops.store.source == "cache":
                record_copy(gallery.address, "pixels", cache_folder(run.reading.cache_dir))
        progress = view.phase("indexing", count)
        added = updated = 0
        for start in range(0, count, PART):
            assert crops is not None
            part = crops.select(np.arange(start, min(start + PART, count)))
            new, changed = _add_part(
                gallery.store, part, known, encoder, device, thumbnails, run.recipe.data.white_level
            )
            added, updated = added + new, updated + changed
            progress(len(part))
        description = gallery.store.describe()
    return Indexed(
        description.address,
        added,
        updated,
        count - added - updated,
        len(taken) - count,
        len(wanted) - len(taken),
        len(table) - len(wanted),
        description.count,
    )


def _add_part(
    store: Store,
    crops: Crops,
    clusters: dict[str, int],
    encoder: Encoder,
    device: torch.device,
    thumbnails: bool,
    white_level: float | None,
) -> tuple[int, int]:
    """Bring the store up to date with some crops; how many are new and how many have changed."""
    wanted = _entries(crops.table, clusters)
    held = {}
    for part in store.scan(Filter(keys=tuple(wanted))):
        held.update({entry.key: (entry, row) for entry, row in zip(part.entries, part.vectors, strict=True)})
    changed = [key for key, (entry, _) in held.items() if _facts(entry) != _facts(wanted[key])]
    if changed:
        entries = [replace(wanted[key], thumbnail=held[key][0].thumbnail) for key in changed]
        store.add(Entries(entries, np.stack([held[key][1] for key in changed])))
    missing = np.array([row for row, key in enumerate(wanted) if key not in held], dtype=np.int64)
    if len(missing):
        rows = crops.select(missing)
        pictures = thumbnails_of(rows.table, white_level) if thumbnails else [b""] * len(missing)
        keys = list(wanted)
        entries = [
            replace(wanted[keys[row]], thumbnail=picture)
            for row, picture in zip(missing, pictures, strict=True)
        ]
        store.add(Entries(entries, extract(encoder, rows, device).numpy))
    return len(missing), len(changed)


def _entries(table: ImageTable, clusters: dict[str, int]) -> dict[str, Entry]:
    """The entries of a table by key, in row order, without pictures."""
    source, tracklets, times = str(table.root), table.tracklets, table.times
    found = {}
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
        found[entry.key] = entry
    return found


def _select(table: ImageTable, holds: Sequence[bool]) -> ImageTable:
    """The rows that are taken; the table itself where all are, so that what is decoded already serves."""
    return table if all(holds) else table.select(np.flatnonzero(holds))


def _facts(entry: Entry) -> tuple[object, ...]:
    return entry.camera, entry.time, entry.tracklet, entry.cluster


def thumbnails_of(table: ImageTable, white_level: float | None = None) -> list[bytes]:
    """A small JPEG of every crop of a table, in row order."""
    made: list[bytes] = [b""] * len(table)

    def work(places: range) -> list[bytes]:
        return [thumbnail(table.source(row), white_level) for row in places]

    with quiet_pillow():
        for places, pictures in in_blocks(work, len(table), 64):
            made[places.start : places.stop] = pictures
    return made
