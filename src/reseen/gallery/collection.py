"""In-memory copy of a gallery: all entries and vectors. Thumbnails stay in the store."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int64

from reseen.errors import GalleryError
from reseen.gallery.entries import Entries, Entry
from reseen.gallery.filter import Filter
from reseen.gallery.store import Store, replace_entries
from reseen.runs.console import Progress, no_progress

NOISE = -1
"""Cluster label of outliers, as in scikit-learn."""
UNCLUSTERED = -2
"""Cluster label, in arrays, of crops that were never clustered; their `Entry.cluster` is None."""
UNKNOWN = -1
"""Camera index of crops from an unknown camera."""

_MAX_FLOAT32_BYTES, _MAX_FLOAT16_BYTES = 2_000_000_000, 8_000_000_000
"""Vectors are float32 up to the first size, float16 up to the second, and refused beyond."""


@dataclass(frozen=True, eq=False)
class Collection:
    """Entries and vectors of a gallery at one time; row i of every field is the same crop.

    Rows are sorted by source and image.
    """

    entries: tuple[Entry, ...]
    """Without thumbnails."""
    keys: tuple[str, ...]
    """Key of each entry."""
    vectors: Float[np.ndarray, "n d"]
    """Unit vectors, float32, or float16 if float32 would take more than 2 GB."""
    clusters: Int64[np.ndarray, " n"]
    """Cluster number; `NOISE` for outliers, `UNCLUSTERED` if never clustered."""
    cameras: Int64[np.ndarray, " n"]
    """Index into `camera_names`; `UNKNOWN` for an unknown camera."""
    camera_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def cluster_by_key(self) -> dict[str, int | None]:
        """`Entry.cluster` of each key."""
        return {key: entry.cluster for key, entry in zip(self.keys, self.entries, strict=True)}

    @cached_property
    def rows(self) -> dict[str, int]:
        """Row of each key."""
        return {key: row for row, key in enumerate(self.keys)}

    def reclustered(self, changes: Mapping[str, int | None]) -> "Collection":
        """A copy with new cluster numbers for some keys; unknown keys are ignored."""
        entries, clusters = list(self.entries), self.clusters.copy()
        for key, cluster in changes.items():
            row = self.rows.get(key)
            if row is not None:
                entries[row] = replace(entries[row], cluster=cluster)
                clusters[row] = UNCLUSTERED if cluster is None else cluster
        return replace(self, entries=tuple(entries), clusters=clusters)

    def without(self, keys: Iterable[str]) -> "Collection":
        """A copy without the crops of some keys."""
        removed = set(keys)
        rows = [row for row, key in enumerate(self.keys) if key not in removed]
        return replace(
            self,
            entries=tuple(self.entries[row] for row in rows),
            keys=tuple(self.keys[row] for row in rows),
            vectors=self.vectors[rows],
            clusters=self.clusters[rows],
            cameras=self.cameras[rows],
        )

    def extended(self, entries: Entries) -> "Collection":
        """A copy with further entries, or with other ones of the same keys."""
        merged = list(self.entries)
        given = {entry.key: row for row, entry in enumerate(entries.entries)}
        for key, row in given.items():
            plain = replace(entries.entries[row], thumbnail=b"")
            if (place := self.rows.get(key)) is None:
                merged.append(plain)
            else:
                merged[place] = plain
        new = [row for key, row in given.items() if key not in self.rows]
        order = sorted(range(len(merged)), key=lambda row: (merged[row].source, merged[row].image))
        vectors = np.concatenate([self.vectors, entries.vectors[new].astype(self.vectors.dtype)])[order]
        collection = build_collection([merged[row] for row in order], vectors)
        for key in given.keys() & self.rows.keys():
            vectors[collection.rows[key]] = entries.vectors[given[key]]
        return collection


def read_collection(store: Store, progress: Progress = no_progress) -> Collection:
    """Read a store in one pass; `progress` is called with the number of crops read.

    Raises:
        GalleryError: the vectors take more than 8 GB in float16.
    """
    description = store.describe()
    size = description.count * description.model.dimension
    if 2 * size > _MAX_FLOAT16_BYTES:
        raise GalleryError(
            f"{description.address}: {description.count:,} vectors of dimension {description.model.dimension} exceed "
            f"the memory limit of viewer and people ({_MAX_FLOAT16_BYTES / 1e9:.0f} GB in float16); use `reseen "
            "search`, or a smaller gallery"
        )
    dtype = np.float32 if 4 * size <= _MAX_FLOAT32_BYTES else np.float16
    entries: list[Entry] = []
    parts = [np.empty((0, description.model.dimension), dtype)]
    for part in store.scan():
        entries += [replace(entry, thumbnail=b"") for entry in part.entries]
        parts.append(part.vectors.astype(dtype))
        progress(len(part))
    order = sorted(range(len(entries)), key=lambda row: (entries[row].source, entries[row].image))
    return build_collection([entries[row] for row in order], np.concatenate(parts)[order])


def write_clusters(store: Store, clusters: Mapping[str, int | None]) -> None:
    """Write new cluster numbers of entries, by key, into a store; unknown keys are ignored.

    Raises:
        StorageError: the store cannot be written.
    """
    for part in list(store.scan(Filter(keys=tuple(clusters)))):
        entries = [replace(entry, cluster=clusters[entry.key]) for entry in part.entries]
        replace_entries(store, Entries(entries, np.asarray(part.vectors)))


def build_collection(entries: list[Entry], vectors: Float[np.ndarray, "n d"]) -> Collection:
    """A collection from entries, in their order, and their vectors."""
    names = sorted({entry.camera for entry in entries if entry.camera is not None}, key=_natural_key)
    index_of = {name: index for index, name in enumerate(names)}
    return Collection(
        tuple(entries),
        tuple(entry.key for entry in entries),
        vectors,
        np.array([UNCLUSTERED if e.cluster is None else e.cluster for e in entries], np.int64),
        np.array([UNKNOWN if e.camera is None else index_of[e.camera] for e in entries], np.int64),
        tuple(names),
    )


def _natural_key(name: str) -> tuple[int, str]:
    """Sort key that puts c2 before c10."""
    return len(name), name
