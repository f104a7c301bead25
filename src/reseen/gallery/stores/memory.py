"""The exact reference: arrays in memory, gone with the process."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32

from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.closing import Closing
from reseen.gallery.entries import Entries, Entry, Hit
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.store import Description, direction_of
from reseen.gallery.stores.checks import check_entries


class MemoryStore(Closing):
    """Every search compares with every vector; what other stores must agree with."""

    def __init__(self, model: ModelIdentity) -> None:
        self._model = model
        self._entries: dict[str, tuple[Entry, Float32[np.ndarray, " d"]]] = {}

    def add(self, entries: Entries) -> None:
        """Keep entries; one whose key is there replaces the old one."""
        check_entries(entries, self._model.dimension)
        for entry, vector in zip(entries.entries, entries.vectors, strict=True):
            self._entries[entry.key] = entry, vector.astype(np.float32)

    def search(self, vector: Float32[np.ndarray, " d"], top: int, where: Filter = EVERYTHING) -> list[Hit]:
        """The `top` entries nearest by cosine for which `where` holds, most similar first."""
        direction = direction_of(vector, top, self._model.dimension)
        kept = [pair for pair in self._entries.values() if where.matches(pair[0])]
        if not kept:
            return []
        similarity = np.stack([row for _, row in kept]).astype(np.float64) @ direction
        order = np.argsort(-similarity, kind="stable")[:top]
        return [Hit(kept[place][0], float(similarity[place])) for place in order]

    def scan(self, where: Filter = EVERYTHING, batch: int = 1024) -> Iterator[Entries]:
        """All entries for which `where` holds, in parts of at most `batch`."""
        kept = [pair for pair in self._entries.values() if where.matches(pair[0])]
        for start in range(0, len(kept), batch):
            part = kept[start : start + batch]
            yield Entries([entry for entry, _ in part], np.stack([row for _, row in part]))

    def delete(self, where: Filter) -> int:
        """Remove entries and say how many."""
        gone = [key for key, (entry, _) in self._entries.items() if where.matches(entry)]
        for key in gone:
            del self._entries[key]
        return len(gone)

    def describe(self) -> Description:
        """What is there."""
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
        """Nothing to let go of."""
