"""Remove somebody: vectors, thumbnails, decoded pixels and other copies; check that they are gone; note it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from reseen.data import pixel_cache as cache
from reseen.errors import GalleryError, ReseenError, RunError, SettingsError
from reseen.gallery.entries import Entry
from reseen.gallery.filter import Filter
from reseen.gallery.gallery import Gallery
from reseen.gallery.removal import Removal, Removed, find_places, remove
from reseen.runs.run import open_run
from reseen.tasks.audit.select_run import read_calibration

By = Literal["image", "cluster", "like", "filter"]
"""By path, by cluster, by likeness to images, or by camera and time alone."""

_YEAR_1973 = 1e8
"""Seconds since 1970; smaller times count from an origin of their own."""


@dataclass(frozen=True)
class Forgotten:
    """What was removed, or, in a dry run, what would be."""

    entries: tuple[Entry, ...]
    """Without their thumbnails."""
    cached: tuple[Path, ...]
    """Folders of decoded crops that hold pixels of them, whole folders: other crops in them are decoded anew."""
    pages: tuple[Path, ...]
    """Pages of earlier commands that show some of them. They are the user's own files, and never deleted."""
    still_similar: int | None
    """Other crops of the gallery at least as similar to one of them as `threshold`; None where nothing was compared."""
    threshold: float | None
    """Cosine similarity from which on two crops are taken for one person; None where no value is known."""
    undated: int
    """Crops that stay because their time is unknown, where there was a window of time."""
    dry_run: bool
    ledger: Path | None
    """Filter it is noted; None in a dry run."""

    @property
    def files(self) -> tuple[str, ...]:
        """The image files themselves, which reseen never deletes."""
        return tuple(f"{entry.source}/{entry.image}" for entry in self.entries)


def forget(
    gallery: Gallery,
    where: Filter,
    by: By,
    *,
    dry_run: bool,
    cache_dir: Path | None = None,
    threshold: float | None = None,
) -> Forgotten:
    """Forget the entries for which `where` holds.

    First what is about to go is written down, then the store's entries, decoded pixels, map coordinates and answers
    about them are removed, then the store and every place that was recorded when it was written are read again. What
    a crash interrupts is finished by the next `open_gallery`.

    Args:
        gallery: where.
        where: which entries; no condition at all is refused.
        by: how they were chosen, for the note.
        dry_run: change nothing and say what would go.
        cache_dir: a cache of decoded crops that is neither the usual one nor recorded.
        threshold: cosine from which on others count as still similar; that of the run's audit when not given.

    Raises:
        GalleryError: `where` has no condition, or something is still there afterwards.
        SettingsError: a window of dates, and times that do not count from 1970.
        StorageError: the place cannot be written.
    """
    if where.everything:
        raise GalleryError("forgetting needs a condition; to forget everything delete the gallery itself")
    _check_dates(gallery, where)
    entries, vectors = _chosen(gallery, where, by != "filter")
    keys = tuple(entry.key for entry in entries)
    images = tuple((entry.source, entry.image) for entry in entries)
    given = () if cache_dir is None else (str(cache.cache_folder(cache_dir)),)
    removal = Removal(by, keys, images, given)
    undated = _undated(gallery, where)
    if threshold is None and len(vectors):
        threshold = known_threshold(gallery)
    similar = None if threshold is None or not len(vectors) else _similar(gallery, vectors, keys, threshold)
    if dry_run or not entries:
        places = find_places(gallery.store, gallery.address, removal)
        cached, pages = (places.cached, places.pages) if entries else ((), ())
        return Forgotten(entries, cached, pages, similar, threshold, undated, True, None)
    done = remove(gallery.store, gallery.address, removal)
    return Forgotten(entries, done.cached, done.pages, similar, threshold, undated, False, done.ledger)


def known_threshold(gallery: Gallery) -> float | None:
    """The threshold of the audit of the gallery's run; None without an audit, or where the run is gone."""
    try:
        return read_calibration(open_run(gallery.model.run)).threshold
    except RunError:  # moved: the run that was given, if one was
        return None if gallery.calibration is None else gallery.calibration.threshold
    except ReseenError:
        return None


def entries_of(removed: Removed) -> tuple[Entry, ...]:
    """The entries of a removal that was finished later, as far as their paths are known."""
    return tuple(Entry(source, image) for source, image in removed.removal.images or ())


def _chosen(gallery: Gallery, where: Filter, with_vectors: bool) -> tuple[tuple[Entry, ...], np.ndarray]:
    entries: list[Entry] = []
    vectors = [np.empty((0, gallery.model.dimension), np.float32)]
    for part in gallery.store.scan(where):
        entries += [replace(entry, thumbnail=b"") for entry in part.entries]
        if with_vectors:
            vectors.append(part.vectors)
    return tuple(entries), np.concatenate(vectors)


def _similar(gallery: Gallery, vectors: np.ndarray, keys: tuple[str, ...], threshold: float) -> int:
    """How many other crops are at least as similar to one of the vectors."""
    gone, count = set(keys), 0
    for part in gallery.store.scan():
        near = (part.vectors @ vectors.T).max(axis=1) >= threshold
        count += sum(
            1 for entry, is_near in zip(part.entries, near, strict=True) if is_near and entry.key not in gone
        )
    return count


def _undated(gallery: Gallery, where: Filter) -> int:
    """Crops that would be meant but for their unknown time."""
    if where.window == (None, None):
        return 0
    always = replace(where, after=None, before=None)
    return sum(sum(entry.time is None for entry in part.entries) for part in gallery.store.scan(always))


def _check_dates(gallery: Gallery, where: Filter) -> None:
    first = gallery.store.describe().first if where.by_date else None
    if first is not None and first < _YEAR_1973:
        raise SettingsError(
            f"a date was given, and times in this gallery begin at {first:.1f} s: they do not count from 1970; give "
            "seconds as in the data, or choose by camera"
        )
