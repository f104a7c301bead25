"""Thumbnails by key: those asked for last stay in memory, the others in the store."""

from collections import OrderedDict
from collections.abc import Iterable
from threading import RLock

from reseen.gallery.store import Store
from reseen.gallery.where import Where


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
        for part in self._store.scan(Where(keys=tuple(keys))):
            found |= {entry.key: entry.thumbnail for entry in part.entries}
        for key, jpeg in found.items():
            self._kept[key] = jpeg
            self._bytes += len(jpeg)
        while self._bytes > self._most and len(self._kept) > len(found):
            self._bytes -= len(self._kept.popitem(last=False)[1])
