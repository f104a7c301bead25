"""Fill a gallery with a folder of crops; what is there already is not embedded again.

Which cluster each crop of a table is in, as far as a run or a file says.
"""

import csv
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from reseen.data.crops import Crops, open_crops
from reseen.data.decode import quiet_pillow
from reseen.data.parallel import in_blocks
from reseen.data.table import ImageTable
from reseen.errors import DataError, RunError
from reseen.features.extract import extract
from reseen.gallery.deletion_log import forgotten_keys
from reseen.gallery.entries import Entries, Entry
from reseen.gallery.filter import Filter
from reseen.gallery.gallery import open_gallery
from reseen.gallery.store import Store
from reseen.gallery.thumbnail import thumbnail
from reseen.models import Encoder
from reseen.reading import read_lines
from reseen.records import UNKNOWN_CAMERA
from reseen.runs.cluster_file import CLUSTERS, read_members
from reseen.runs.console import RunView
from reseen.runs.load_table import load_other_table
from reseen.runs.run import Run, open_run
from reseen.tasks.evaluation.score import scoring_device
from reseen.text import name_in_cell


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
    return {name_in_cell(row["path"]): _cluster(row["cluster"]) for row in csv.DictReader(read_lines(file))}


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
    quiet: bool = False,
) -> Indexed:
    """Embed the crops of `data` and keep them in the gallery at `address`, which is made where there is none.

    Crops that are there are skipped; where what is known of them has changed, that is written and nothing is embedded.
    Crops that were forgotten are left out. So the same call after an interruption goes on, and after a new clustering
    brings the clusters up to date.

    Args:
        run: the model.
        data: a folder of crops, a manifest, or a table.
        address: a folder, `qdrant://...` or `postgresql://...`.
        clusters: a CSV file of `cluster_crops` or a `clusters.parquet`; those of the run where it learned from these
            crops and nothing is given.
        thumbnails: keep a small picture of every crop.
        camera_pattern: where a bare folder names its cameras; the run's own when not given, none when empty.
        quiet: show no progress.

    Raises:
        RunError: `run` is no run folder.
        DataError: the crops or the clusters cannot be read.
        GalleryError: the gallery holds vectors of another model, is damaged or in use.
        StorageError: the place is full or cannot be written.
    """
    run = run if isinstance(run, Run) else open_run(run)
    table = load_other_table(run.recipe, data, camera_pattern)
    known = known_clusters(run, table, clusters)
    device = scoring_device(run)
    with open_gallery(address, run, create=True) as gallery, RunView(0, quiet) as view:
        encoder = gallery.encoder.to(device)
        crops = open_crops(table, run.reading, encoder.height, encoder.width, progress=not quiet)
        view.say(*crops.notes)
        readable = len(crops)
        crops = _without(crops, forgotten_keys(gallery.address))
        progress = view.phase("indexing", len(crops))
        added = updated = 0
        for start in range(0, len(crops), PART):
            part = crops.select(np.arange(start, min(start + PART, len(crops))))
            new, changed = _add_part(gallery.store, part, known, encoder, device, thumbnails)
            added, updated = added + new, updated + changed
            progress(len(part))
        description = gallery.store.describe()
    present = len(crops) - added - updated
    return Indexed(
        description.address,
        added,
        updated,
        present,
        len(table) - readable,
        readable - len(crops),
        description.count,
    )


def _add_part(
    store: Store,
    crops: Crops,
    clusters: dict[str, int],
    encoder: Encoder,
    device: torch.device,
    thumbnails: bool,
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
        pictures = thumbnails_of(rows.table) if thumbnails else [b""] * len(missing)
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


def _without(crops: Crops, gone: set[str]) -> Crops:
    """The crops that nobody asked to forget."""
    if not gone:
        return crops
    keys = list(_entries(crops.table, {}))
    return crops.select(np.array([row for row, key in enumerate(keys) if key not in gone], dtype=np.int64))


def _facts(entry: Entry) -> tuple[object, ...]:
    return entry.camera, entry.time, entry.tracklet, entry.cluster


def thumbnails_of(table: ImageTable) -> list[bytes]:
    """A small JPEG of every crop of a table, in row order."""
    made: list[bytes] = [b""] * len(table)

    def work(places: range) -> list[bytes]:
        return [thumbnail(table.source(row)) for row in places]

    with quiet_pillow():
        for places, pictures in in_blocks(work, len(table), 64):
            made[places.start : places.stop] = pictures
    return made
