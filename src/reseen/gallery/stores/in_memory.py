"""A store in memory with exact search; lost when the process ends."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32

from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.entries import Entries, Entry, Hit
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.store import Description, Store, unit_query
from reseen.gallery.stores.checks import check_entries


class MemoryStore(Store):
    """Exhaustive search over arrays; the reference that other stores are tested against."""

    def __init__(self, model: ModelIdentity) -> None:
        self._model = model
        self._entries: dict[str, tuple[Entry, Float32[np.ndarray, " d"]]] = {}

    def add(self, entries: Entries) -> None:
        """Add or, by key, replace entries."""
        check_entries(entries, self._model.dimension)
        for entry, vector in zip(entries.entries, entries.vectors, strict=True):
            self._entries[entry.key] = entry, vector.astype(np.float32)

    def search(self, vector: Float32[np.ndarray, " d"], top: int, where: Filter = EVERYTHING) -> list[Hit]:
        """The `top` entries of highest cosine similarity among those that match `where`, most similar first."""
        direction = unit_query(vector, top, self._model.dimension)
        matching = [pair for pair in self._entries.values() if where.matches(pair[0])]
        if not matching:
            return []
        similarity = np.stack([row for _, row in matching]).astype(np.float64) @ direction
        order = np.argsort(-similarity, kind="stable")[:top]
        return [Hit(matching[row][0], float(similarity[row])) for row in order]

    def scan(self, where: Filter = EVERYTHING, batch: int = 1024) -> Iterator[Entries]:
        """All entries that match `where`, in batches of at most `batch`."""
        matching = [pair for pair in self._entries.values() if where.matches(pair[0])]
        for start in range(0, len(matching), batch):
            part = matching[start : start + batch]
            yield Entries([entry for entry, _ in part], np.stack([row for _, row in part]))

    def delete(self, where: Filter) -> int:
        """Remove entries; returns how many."""
        keys = [key for key, (entry, _) in self._entries.items() if where.matches(entry)]
        for key in keys:
            del self._entries[key]
        return len(keys)

    def describe(self) -> Description:
        """Contents of the store."""
        entries = [entry for entry, _ in self._entries.values()]
        times = [entry.time for entry in entries if entry.time is not None]
        return Description(
            "memory:",
            f"NumPy {np.__version__}",
            self._model,
            len(entries),
            dict(Counter(entry.camera for entry in entries)),
            dict(Counter(entry.source for entry in entries)),
            min(times, default=None),
            max(times, default=None),
        )

    def close(self) -> None:
        """Do nothing."""
