"""What the pages of one running viewer share: the gallery, a snapshot of it, the version of that, one lock.

Thumbnails by key: those asked for last stay in memory, the others in the store.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from threading import RLock

import numpy as np

from reseen.gallery.entries import Entries
from reseen.gallery.filter import Filter
from reseen.gallery.gallery import Gallery
from reseen.gallery.store import Store
from reseen.runs.console import Progress, no_progress
from reseen.viewer.clusters import Clusters
from reseen.viewer.collection import Collection, read_collection


class Thumbnails:
    """JPEGs by the key of their entry, for several threads.

    The lock is that of the store, which is used by one thread at a time.
    """

    def __init__(self, store: Store, lock: RLock, most_bytes: int = 128_000_000) -> None:
        self._store, self._lock, self._most = store, lock, most_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, key: str) -> bytes:
        """The JPEG of an entry; empty where none is kept or no entry has the key."""
        with self._lock:
            if key not in self._kept:
                self._fetch([key])
            self._kept.move_to_end(key)
            return self._kept[key]

    def warm(self, keys: Iterable[str]) -> None:
        """Fetch what a page will ask for at once; one pass over the store instead of one for each."""
        with self._lock:
            missing = [key for key in dict.fromkeys(keys) if key not in self._kept]
            if missing:
                self._fetch(missing)

    def drop(self, keys: Iterable[str]) -> None:
        """Let go of the thumbnails of entries that were deleted."""
        with self._lock:
            for key in keys:
                self._bytes -= len(self._kept.pop(key, b""))

    def _fetch(self, keys: list[str]) -> None:
        found = dict.fromkeys(keys, b"")
        for part in self._store.scan(Filter(keys=tuple(keys))):
            found |= {entry.key: entry.thumbnail for entry in part.entries}
        for key, jpeg in found.items():
            self._kept[key] = jpeg
            self._bytes += len(jpeg)
        while self._bytes > self._most and len(self._kept) > len(found):
            self._bytes -= len(self._kept.popitem(last=False)[1])


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The gallery at one moment. A page takes it once and shows nothing else, whatever other tabs do meanwhile."""

    version: int
    """Goes up with every change; a change that was asked for on another version is refused."""
    collection: Collection
    clusters: Clusters


class Viewer:
    """The state of the viewer. Readers take `now`; whoever changes it, or uses the store, holds `lock`."""

    def __init__(self, gallery: Gallery, progress: Progress = no_progress) -> None:
        """Read a gallery, which is closed by whoever opened it; `progress` is told of the crops read."""
        self.gallery = gallery
        self.lock = RLock()
        self.thumbnails = Thumbnails(gallery.store, self.lock)
        self.address, self.engine = gallery.address, gallery.store.describe().engine
        self.after_drop: list[Callable[[], None]] = []
        """Called when entries were deleted."""
        collection = read_collection(gallery.store, progress)
        self._now = Snapshot(1, collection, Clusters(collection))

    @property
    def now(self) -> Snapshot:
        """The gallery as it is."""
        return self._now

    def recluster(self, changes: Mapping[str, int | None]) -> None:
        """Put entries, by key, into other clusters, in the store and here.

        Raises:
            StorageError: the store's place cannot be written; nothing changes here.
        """
        with self.lock:
            old = self._now
            changed = {key: cluster for key, cluster in changes.items() if key in old.collection.rows}
            if changed:
                self._write(changed)
            collection = old.collection.reclustered(changed)
            touched = {collection.entries[collection.rows[key]].cluster for key in changed}
            touched |= {old.collection.entries[old.collection.rows[key]].cluster for key in changed}
            known = (cluster for cluster in old.clusters.all() if cluster.number not in touched)
            self._now = Snapshot(old.version + 1, collection, Clusters(collection, known))

    def drop(self, keys: Iterable[str]) -> None:
        """Show entries no more that were deleted from the store."""
        with self.lock:
            gone = list(keys)
            self.thumbnails.drop(gone)
            collection = self._now.collection.without(gone)
            self._now = Snapshot(self._now.version + 1, collection, Clusters(collection))
            for told in self.after_drop:
                told()

    def _write(self, changed: Mapping[str, int | None]) -> None:
        parts = list(self.gallery.store.scan(Filter(keys=tuple(changed))))
        for part in parts:
            entries = [replace(entry, cluster=changed[entry.key]) for entry in part.entries]
            self.gallery.store.add(Entries(entries, np.asarray(part.vectors)))
