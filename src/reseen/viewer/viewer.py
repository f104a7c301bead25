"""What the pages of one running viewer share: the gallery, a snapshot of it, the version of that, one lock."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from threading import RLock

import numpy as np

from reseen.engine.console import Progress, no_progress
from reseen.gallery.entries import Entries
from reseen.gallery.gallery import Gallery
from reseen.gallery.where import Where
from reseen.viewer.clusters import Clusters
from reseen.viewer.collection import Collection, read_collection
from reseen.viewer.thumbnails import Thumbnails


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
        parts = list(self.gallery.store.scan(Where(keys=tuple(changed))))
        for part in parts:
            entries = [replace(entry, cluster=changed[entry.key]) for entry in part.entries]
            self.gallery.store.add(Entries(entries, np.asarray(part.vectors)))
