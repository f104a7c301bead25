"""Remove somebody: vectors, thumbnails and decoded pixels; check that they are gone; note it without a picture."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from reseen.data import pixel_cache as cache
from reseen.errors import GalleryError
from reseen.gallery.deletion_log import Deletion, note
from reseen.gallery.entries import Entry
from reseen.gallery.filter import Filter
from reseen.gallery.gallery import Gallery

By = Literal["image", "cluster", "like"]


@dataclass(frozen=True)
class Forgotten:
    """What was removed, or, in a dry run, what would be."""

    entries: tuple[Entry, ...]
    """Without their thumbnails once they are gone."""
    cached: tuple[Path, ...]
    """Folders of decoded crops that hold pixels of them, whole folders: other crops in them are decoded anew."""
    dry_run: bool
    ledger: Path | None
    """Filter it is noted; None in a dry run."""

    @property
    def files(self) -> tuple[str, ...]:
        """The image files themselves, which reseen never deletes."""
        return tuple(f"{entry.source}/{entry.image}" for entry in self.entries)


def forget(
    gallery: Gallery, where: Filter, by: By, *, dry_run: bool, cache_dir: Path | None = None
) -> Forgotten:
    """Forget the entries for which `where` holds.

    First the note of what is about to go is written, then the store's entries and the decoded pixels are removed, then
    a search makes sure. A crash between leaves the note, and the same call finishes the work.

    Args:
        gallery: where.
        where: which entries; no condition at all is refused.
        by: how they were chosen, for the note.
        dry_run: change nothing and say what would go.
        cache_dir: cache of decoded crops, when it is not the usual one.

    Raises:
        GalleryError: `where` has no condition, or entries are still found afterwards.
        StorageError: the place cannot be written.
    """
    if where.everything:
        raise GalleryError("forgetting needs a condition; to forget everything delete the gallery itself")
    entries = tuple(entry for part in gallery.store.scan(where) for entry in part.entries)
    cached = _cached(entries, cache_dir)
    if dry_run or not entries:
        return Forgotten(entries, cached, True, None)
    keys = tuple(entry.key for entry in entries)
    begun = _forgetting(by, keys, False, len(cached))
    ledger = note(gallery.address, begun)
    gallery.store.delete(Filter(keys=keys))
    for folder in cached:
        cache.remove(folder)
    left = [entry for part in gallery.store.scan(Filter(keys=keys)) for entry in part.entries]
    kept = [folder for folder in cached if folder.exists()]
    if left or kept:
        held = f"{len(left)} of {len(keys)} entries" if left else f"the decoded pixels in {kept[0]}"
        raise GalleryError(
            f"{gallery.address}: {held} are still there after forgetting them; give the command again"
        )
    note(gallery.address, _forgetting(by, keys, True, len(cached)))
    bare = tuple(Entry(entry.source, entry.image) for entry in entries)
    return Forgotten(bare, cached, False, ledger)


def _forgetting(by: By, keys: tuple[str, ...], verified: bool, cached: int) -> Deletion:
    return Deletion(datetime.now(UTC).isoformat(timespec="seconds"), by, keys, verified, cached)


def _cached(entries: tuple[Entry, ...], cache_dir: Path | None) -> tuple[Path, ...]:
    """Folders of decoded crops whose root holds, or lies in, the source of an entry."""
    sources = {Path(entry.source) for entry in entries}
    found = []
    for held in cache.entries(cache.cache_folder(cache_dir)):
        root = Path(str(held.details.get("root", "")))
        if any(root == source or root in source.parents or source in root.parents for source in sources):
            found.append(held.folder)
    return tuple(found)
