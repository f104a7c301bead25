"""Verified deletion of crops: vectors, thumbnails, decoded pixels and other copies."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from reseen.data import pixel_cache as cache
from reseen.errors import GalleryError, ReseenError, RunError, SettingsError
from reseen.gallery.entries import Entry
from reseen.gallery.filter import Filter
from reseen.gallery.gallery import Gallery
from reseen.gallery.removal import Removal, RemovalResult, find_copies, remove
from reseen.gallery.side_files import read_audit_calibration, read_gallery_calibration
from reseen.runs.run import open_run

SelectedBy = Literal["image", "cluster", "like", "filter", "person"]
"""How crops were selected: by path, cluster, similarity to images, camera and time alone, or person."""

_YEAR_1973 = 1e8
"""Unix time of March 1973; smaller times are relative to another origin."""


@dataclass(frozen=True)
class ForgetResult:
    """What `forget` deleted or, in a dry run, would delete."""

    entries: tuple[Entry, ...]
    """The crops, without their thumbnails."""
    cached: tuple[Path, ...]
    """Cache folders with their decoded pixels or features, removed as a whole; other crops in them are decoded and
    embedded again."""
    pages: tuple[Path, ...]
    """Pages of earlier commands that show some of them; these are the user's files and never deleted."""
    still_similar: int | None
    """Number of other crops with a similarity of at least `threshold` to one of them; None if not compared."""
    threshold: float | None
    """Cosine similarity from which two crops count as one person; None if not known."""
    undated: int
    """Number of crops that are kept because their time is unknown, given a time window."""
    dry_run: bool
    deletion_log: Path | None
    """The deletion log; None in a dry run."""

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of the image files, which are never deleted."""
        return tuple(f"{entry.source}/{entry.image}" for entry in self.entries)


def forget(
    gallery: Gallery,
    where: Filter,
    by: SelectedBy,
    *,
    dry_run: bool,
    cache_dir: Path | None = None,
    threshold: float | None = None,
) -> ForgetResult:
    """Delete the matching entries and every recorded copy of their data, then verify that nothing is left.

    The deletion is first recorded; then entries, decoded pixels, map coordinates and answers are removed; then the
    store and all recorded copies are read again. The next `open_gallery` finishes a deletion that a crash interrupted.

    Args:
        gallery: the gallery to delete from.
        where: which entries; an empty filter is refused.
        by: how they were selected, for the deletion log.
        dry_run: change nothing and return what would be deleted.
        cache_dir: another cache of decoded crops, beside the default and the recorded ones.
        threshold: cosine similarity from which other crops count as still similar; by default the calibrated one.

    Raises:
        GalleryError: `where` is empty, or data is left afterwards.
        SettingsError: a time window of dates, but the gallery's times are relative.
        StorageError: a file cannot be written.

    Example:
        >>> where = reseen.Filter(clusters=(12,))
        >>> reseen.forget(gallery, where, "cluster", dry_run=True).files[:1]
        ('/data/Market-1501/bounding_box_train/0002_c1s1_000451_03.jpg',)
    """
    if where.everything:
        raise GalleryError("forgetting needs a filter; to forget everything, delete the gallery itself")
    _check_dates(gallery, where)
    entries, vectors = _matching(gallery, where, by != "filter")
    keys = tuple(entry.key for entry in entries)
    images = tuple((entry.source, entry.image) for entry in entries)
    cache_dirs = () if cache_dir is None else (str(cache.cache_folder(cache_dir)),)
    removal = Removal(by, keys, images, cache_dirs)
    undated = _undated(gallery, where)
    if threshold is None and len(vectors):
        threshold = known_threshold(gallery)
    similar = None if threshold is None or not len(vectors) else _similar(gallery, vectors, keys, threshold)
    if dry_run or not entries:
        copies = find_copies(gallery.store, gallery.address, removal)
        cached, pages = (copies.cached, copies.pages) if entries else ((), ())
        return ForgetResult(entries, cached, pages, similar, threshold, undated, True, None)
    result = remove(gallery.store, gallery.address, removal)
    gallery.people.journal.forget(removal.keys)  # one that `remove` does not know: of a gallery in memory
    gallery.people.reload()
    return ForgetResult(
        entries, result.cached, result.pages, similar, threshold, undated, False, result.deletion_log
    )


def known_threshold(gallery: Gallery) -> float | None:
    """The calibrated similarity threshold; None if there is none of medium or high trust, or the run is missing."""
    try:
        own = read_gallery_calibration(gallery.address, gallery.model.vector_identity)
        if own is not None and own.trusted:
            return own.threshold
        return read_audit_calibration(
            gallery.model, open_run(gallery.model.run)
        ).threshold  # without loading the model
    except RunError:  # the run has moved; the caller may have given its new folder
        return None if gallery.calibration is None else gallery.calibration.threshold
    except ReseenError:
        return None


def removed_entries(result: RemovalResult) -> tuple[Entry, ...]:
    """Entries of a finished removal, with source and image only; empty if their paths are unknown."""
    return tuple(Entry(source, image) for source, image in result.removal.images or ())


def _matching(gallery: Gallery, where: Filter, with_vectors: bool) -> tuple[tuple[Entry, ...], np.ndarray]:
    entries: list[Entry] = []
    vectors = [np.empty((0, gallery.model.dimension), np.float32)]
    for batch in gallery.store.scan(where):
        entries += [replace(entry, thumbnail=b"") for entry in batch.entries]
        if with_vectors:
            vectors.append(batch.vectors)
    return tuple(entries), np.concatenate(vectors)


def _similar(gallery: Gallery, vectors: np.ndarray, keys: tuple[str, ...], threshold: float) -> int:
    """Number of other crops with a similarity of at least `threshold` to one of the vectors."""
    deleted, count = set(keys), 0
    for batch in gallery.store.scan():
        near = (batch.vectors @ vectors.T).max(axis=1) >= threshold
        count += sum(
            1
            for entry, is_near in zip(batch.entries, near, strict=True)
            if is_near and entry.key not in deleted
        )
    return count


def _undated(gallery: Gallery, where: Filter) -> int:
    """Number of crops that match but for their unknown time."""
    if where.window == (None, None):
        return 0
    any_time = replace(where, after=None, before=None)
    return sum(sum(entry.time is None for entry in batch.entries) for batch in gallery.store.scan(any_time))


def _check_dates(gallery: Gallery, where: Filter) -> None:
    first = gallery.store.describe().first if where.by_date else None
    if first is not None and first < _YEAR_1973:
        raise SettingsError(
            f"times in this gallery begin at {first:.1f} s and do not count from 1970, so that dates cannot be "
            "compared; give seconds as in the data, or select by camera"
        )
