"""The four verbs of a store: add, search, delete, describe; and `scan`, which is a search for everything."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from jaxtyping import Float32, Float64

from reseen.errors import GalleryError
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.entries import Entries, Hit
from reseen.gallery.filter import EVERYTHING, Filter


@dataclass(frozen=True)
class Description:
    """What a store holds."""

    address: str
    engine: str
    """What keeps it, with its version, such as `Qdrant Edge 0.9.0`."""
    model: ModelIdentity
    count: int
    cameras: dict[str | None, int]
    """Entries of each camera."""
    sources: dict[str, int]
    """Entries of each source."""
    first: float | None
    """Earliest known time in seconds, None where no time is known."""
    last: float | None


class Store(Protocol):
    """Entries and their vectors, for one model.

    A store is used by one thread at a time unless it says otherwise. `open_store` makes one.
    """

    def add(self, entries: Entries) -> None:
        """Keep entries; one whose key is there replaces the old one. They survive a crash once this returns.

        Raises:
            GalleryError: vectors of another dimension.
            StorageError: the disk is full or the place cannot be written.
        """
        ...

    def search(self, vector: Float32[np.ndarray, " d"], top: int, where: Filter = EVERYTHING) -> list[Hit]:
        """The `top` entries nearest by cosine for which `where` holds, most similar first.

        Raises:
            GalleryError: a vector of another dimension, or not finite, or `top` below 1.
        """
        ...

    def scan(self, where: Filter = EVERYTHING, batch: int = 1024) -> Iterator[Entries]:
        """All entries for which `where` holds, with vectors, each once, in parts of at most `batch`, any order."""
        ...

    def delete(self, where: Filter) -> int:
        """Remove entries for good and say how many: when this returns, no byte of theirs is left in the store's files.

        Raises:
            StorageError: the place cannot be written.
        """
        ...

    def describe(self) -> Description:
        """What is there."""
        ...

    def close(self) -> None:
        """Let go of files and connections; a second time does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def direction_of(vector: Float32[np.ndarray, " d"], top: int, dimension: int) -> Float64[np.ndarray, " d"]:
    """The query at length 1.

    Raises:
        GalleryError: a vector of another dimension, zero or not finite, or `top` below 1.
    """
    if vector.shape != (dimension,):
        raise GalleryError(
            f"this gallery holds vectors of {dimension} numbers, the query has shape {vector.shape}; search with the "
            "model that made the gallery"
        )
    if not bool(np.isfinite(vector).all()) or not bool(vector.any()):
        raise GalleryError("the query's vector is zero or not finite; search with another image")
    if top < 1:
        raise GalleryError(f"top {top}: ask for at least 1 entry")
    exact = vector.astype(np.float64)
    return exact / np.linalg.norm(exact)
