"""Shared state of one running viewer: the gallery, a versioned snapshot of it, a thumbnail cache, and one lock."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import RLock

from reseen.gallery.collection import Collection, read_collection, write_clusters
from reseen.gallery.entries import Entries
from reseen.gallery.filter import Filter
from reseen.gallery.gallery import Gallery
from reseen.gallery.store import Store
from reseen.runs.console import Progress, no_progress
from reseen.viewer.clusters import Clusters


class Thumbnails:
    """LRU cache of thumbnails by entry key; thread-safe.

    `lock` guards the store, which only one thread may use at a time.
    """

    def __init__(self, store: Store, lock: RLock, max_bytes: int = 128_000_000) -> None:
        self._store, self._lock, self._max_bytes = store, lock, max_bytes
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, key: str) -> bytes:
        """The JPEG of an entry; empty if it has no thumbnail or the key is unknown."""
        with self._lock:
            if key not in self._cache:
                self._fetch([key])
            self._cache.move_to_end(key)
            return self._cache[key]

    def prefetch(self, keys: Iterable[str]) -> None:
        """Load the thumbnails of a page in one pass over the store."""
        with self._lock:
            missing = [key for key in dict.fromkeys(keys) if key not in self._cache]
            if missing:
                self._fetch(missing)

    def drop(self, keys: Iterable[str]) -> None:
        """Remove the thumbnails of deleted entries from the cache."""
        with self._lock:
            for key in keys:
                self._bytes -= len(self._cache.pop(key, b""))

    def _fetch(self, keys: list[str]) -> None:
        thumbnails = dict.fromkeys(keys, b"")
        for part in self._store.scan(Filter(keys=tuple(keys))):
            thumbnails |= {entry.key: entry.thumbnail for entry in part.entries}
        for key, jpeg in thumbnails.items():
            self._cache[key] = jpeg
            self._bytes += len(jpeg)
        while self._bytes > self._max_bytes and len(self._cache) > len(thumbnails):
            self._bytes -= len(self._cache.popitem(last=False)[1])


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Immutable state of the gallery. A request uses one snapshot throughout, whatever other requests change."""

    version: int
    """Incremented by every change. An edit made on another version is rejected."""
    collection: Collection
    clusters: Clusters


class Viewer:
    """State of a running viewer. Read `snapshot` without the lock; hold `lock` to change it or to use the store."""

    def __init__(self, gallery: Gallery, progress: Progress = no_progress) -> None:
        """Read a gallery, which the caller opens and closes; `progress` is called with the number of crops read."""
        self.gallery = gallery
        self.lock = RLock()
        self.thumbnails = Thumbnails(gallery.store, self.lock)
        self.address, self.engine = gallery.address, gallery.store.describe().engine
        self.on_drop: list[Callable[[], None]] = []
        """Callbacks for when entries were removed from the snapshot."""
        collection = read_collection(gallery.store, progress)
        self._snapshot = Snapshot(1, collection, Clusters(collection))

    @property
    def snapshot(self) -> Snapshot:
        """The current snapshot."""
        return self._snapshot

    def recluster(self, changes: Mapping[str, int | None]) -> None:
        """Assign new cluster numbers to entries by key, in the store and in the snapshot; unknown keys are ignored.

        Without any, the version of the snapshot is another one all the same.

        Raises:
            StorageError: the store cannot be written; the snapshot is unchanged.
        """
        with self.lock:
            old = self._snapshot
            changed = {key: cluster for key, cluster in changes.items() if key in old.collection.rows}
            if not changed:
                self._snapshot = Snapshot(old.version + 1, old.collection, old.clusters)
                return
            write_clusters(self.gallery.store, changed)
            collection = old.collection.reclustered(changed)
            touched = {collection.entries[collection.rows[key]].cluster for key in changed}
            touched |= {old.collection.entries[old.collection.rows[key]].cluster for key in changed}
            unchanged = (cluster for cluster in old.clusters.all() if cluster.number not in touched)
            self._snapshot = Snapshot(old.version + 1, collection, Clusters(collection, unchanged))

    def drop(self, keys: Iterable[str]) -> None:
        """Remove entries that were deleted from the store from the snapshot and the cache, and run `on_drop`."""
        with self.lock:
            deleted = list(keys)
            self.thumbnails.drop(deleted)
            collection = self._snapshot.collection.without(deleted)
            self._snapshot = Snapshot(self._snapshot.version + 1, collection, Clusters(collection))
            for callback in self.on_drop:
                callback()

    def take_in(self, entries: Entries, known_only: bool = False) -> None:
        """Add entries, or replace them by key, in the store and in the snapshot; with `known_only` only replace.

        Raises:
            GalleryError: the vectors have another dimension.
            StorageError: the store cannot be written; the snapshot is unchanged.
        """
        with self.lock:
            if known_only:
                rows = [
                    row
                    for row, entry in enumerate(entries.entries)
                    if entry.key in self._snapshot.collection.rows
                ]
                entries = Entries([entries.entries[row] for row in rows], entries.vectors[rows])
            self.gallery.store.add(entries)
            self.thumbnails.drop(entry.key for entry in entries.entries)
            collection = self._snapshot.collection.extended(entries)
            self._snapshot = Snapshot(self._snapshot.version + 1, collection, Clusters(collection))
