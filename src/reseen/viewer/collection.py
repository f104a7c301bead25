"""What the viewer knows of a gallery: all its entries and vectors in memory, thumbnails left in the store."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int64

from reseen.errors import GalleryError
from reseen.gallery.entries import Entry
from reseen.gallery.store import Store
from reseen.runs.console import Progress, no_progress

NOISE = -1
"""The cluster of crops that clustering left out."""
UNCLUSTERED = -2
"""Of crops that were never clustered, in arrays; `Entry.cluster` is None for them."""
UNKNOWN = -1
"""The camera index of crops whose camera nobody knows."""

_SINGLE_BYTES, _HALF_BYTES = 2_000_000_000, 8_000_000_000
"""Vectors up to so many bytes are kept in single precision, in half precision up to so many."""


@dataclass(frozen=True, eq=False)
class Collection:
    """A snapshot of a gallery. The row is the place of a crop in every array; rows are sorted by source and image."""

    entries: tuple[Entry, ...]
    """Without thumbnails."""
    keys: tuple[str, ...]
    """The key of each entry."""
    vectors: Float[np.ndarray, "n d"]
    """Of length 1, float32, or float16 where that would take more than two gigabytes."""
    clusters: Int64[np.ndarray, " n"]
    """`NOISE` in no cluster, `UNCLUSTERED` where never clustered."""
    cameras: Int64[np.ndarray, " n"]
    """Place of the camera in `camera_names`, `UNKNOWN` where nobody knows."""
    camera_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.entries)

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each key."""
        return {key: row for row, key in enumerate(self.keys)}

    def reclustered(self, changes: Mapping[str, int | None]) -> "Collection":
        """The same crops, those of some keys in other clusters; keys that are not here are passed over."""
        entries, clusters = list(self.entries), self.clusters.copy()
        for key, cluster in changes.items():
            row = self.rows.get(key)
            if row is not None:
                entries[row] = replace(entries[row], cluster=cluster)
                clusters[row] = UNCLUSTERED if cluster is None else cluster
        return replace(self, entries=tuple(entries), clusters=clusters)

    def without(self, keys: Iterable[str]) -> "Collection":
        """The other crops."""
        gone = set(keys)
        kept = [row for row, key in enumerate(self.keys) if key not in gone]
        return replace(
            self,
            entries=tuple(self.entries[row] for row in kept),
            keys=tuple(self.keys[row] for row in kept),
            vectors=self.vectors[kept],
            clusters=self.clusters[kept],
            cameras=self.cameras[kept],
        )


def read_collection(store: Store, progress: Progress = no_progress) -> Collection:
    """Read a whole store once; `progress` is told of the crops read.

    Raises:
        GalleryError: its vectors are more than are kept in memory.
    """
    description = store.describe()
    numbers = description.count * description.model.dimension
    if 2 * numbers > _HALF_BYTES:
        raise GalleryError(
            f"{description.address}: {description.count:,} vectors of {description.model.dimension} numbers are more "
            f"than the viewer keeps in memory ({_HALF_BYTES / 1e9:.0f} GB); search it by `reseen search`, or look at "
            "a gallery of fewer crops"
        )
    kind = np.float32 if 4 * numbers <= _SINGLE_BYTES else np.float16
    entries: list[Entry] = []
    parts = [np.empty((0, description.model.dimension), kind)]
    for part in store.scan():
        entries += [replace(entry, thumbnail=b"") for entry in part.entries]
        parts.append(part.vectors.astype(kind))
        progress(len(part))
    order = sorted(range(len(entries)), key=lambda place: (entries[place].source, entries[place].image))
    return collect([entries[place] for place in order], np.concatenate(parts)[order])


def collect(entries: list[Entry], vectors: Float[np.ndarray, "n d"]) -> Collection:
    """Columns from entries, row by row."""
    names = sorted({entry.camera for entry in entries if entry.camera is not None}, key=_natural)
    place = {name: index for index, name in enumerate(names)}
    return Collection(
        tuple(entries),
        tuple(entry.key for entry in entries),
        vectors,
        np.array([UNCLUSTERED if e.cluster is None else e.cluster for e in entries], np.int64),
        np.array([UNKNOWN if e.camera is None else place[e.camera] for e in entries], np.int64),
        tuple(names),
    )


def _natural(name: str) -> tuple[int, str]:
    """c2 before c10."""
    return len(name), name
