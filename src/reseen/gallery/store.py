"""The interface of a store of embeddings, and `open_store`, which selects an implementation by address."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from jaxtyping import Float32, Float64

from reseen.errors import GalleryError
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.entries import Entries, Hit
from reseen.gallery.filter import EVERYTHING, Filter


@dataclass(frozen=True)
class Description:
    """Contents and origin of a store."""

    address: str
    """Address, without a password."""
    engine: str
    """Database engine and version, such as `Qdrant Edge 0.9.0`."""
    model: ModelIdentity
    count: int
    """Number of entries."""
    cameras: dict[str | None, int]
    """Number of entries of each camera; None for unknown cameras."""
    sources: dict[str, int]
    """Number of entries of each source."""
    first: float | None
    """Earliest time in seconds; None if no time is known."""
    last: float | None
    """Latest time in seconds; None if no time is known."""


class Store(Protocol):
    """Entries and their unit vectors, all from one model; a context manager that closes itself.

    A store is not thread-safe unless its class says so. `open_store` opens one; an own store subclasses this class or
    has the same methods.
    """

    def add(self, entries: Entries) -> None:
        """Add or, by key, replace entries; they are durable when this returns.

        Raises:
            GalleryError: the vectors have another dimension.
            StorageError: the disk is full, or the store cannot be written.
        """
        ...

    def search(self, vector: Float32[np.ndarray, " d"], top: int, where: Filter = EVERYTHING) -> list[Hit]:
        """The `top` entries of highest cosine similarity among those that match `where`, most similar first.

        Raises:
            GalleryError: the vector is zero, not finite or of another dimension, or `top` is below 1.
        """
        ...

    def scan(self, where: Filter = EVERYTHING, batch: int = 1024) -> Iterator[Entries]:
        """All entries that match `where`, with vectors, each once, in any order, in batches of at most `batch`."""
        ...

    def delete(self, where: Filter) -> int:
        """Erase entries; returns how many. Afterwards the store's files hold no bytes of them.

        Raises:
            StorageError: the store cannot be written.
        """
        ...

    def describe(self) -> Description:
        """Contents and origin of the store."""
        ...

    def close(self) -> None:
        """Release files and connections; a second call does nothing."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def open_store(address: str, model: ModelIdentity | None = None, create: bool = False) -> Store:
    """Open or create the store at an address.

    | address | store |
    |---|---|
    | a folder | Qdrant Edge, embedded, without a server |
    | `qdrant://host:6333/name` | a Qdrant server or cluster; `qdrant+https://:KEY@host:6333/name` with an API key |
    | `postgresql://user:password@host:5432/database?table=reseen` | PostgreSQL with pgvector |
    | `memory:` | arrays in memory, lost when the process ends |

    Args:
        address: one of the above.
        model: the model that the store must be of; None accepts any.
        create: create an empty store for `model` if there is none.

    Raises:
        GalleryError: the gallery does not exist, is damaged, locked or of another model, or the scheme is unknown.
        StorageError: the disk is full, or the store cannot be written.
    """
    if create and model is None:
        raise GalleryError("a new gallery needs the model that embeds its crops; give a run")
    if address == "memory:":
        from reseen.gallery.stores.in_memory import MemoryStore

        if model is None or not create:
            raise GalleryError("memory: is always a new gallery; index crops into it")
        return MemoryStore(model)
    scheme, separator, _ = address.partition("://")
    if not separator:
        from reseen.gallery.stores.edge import EdgeStore

        return EdgeStore(Path(address).expanduser(), model, create)
    if scheme in ("qdrant", "qdrant+https"):
        from reseen.gallery.stores.qdrant_server import connect

        return connect(address, model, create)
    if scheme in ("postgresql", "postgres"):
        from reseen.gallery.stores.postgresql import PostgresqlStore

        return PostgresqlStore(address, model, create)
    raise GalleryError(
        f"{scheme}://...: unknown kind of gallery address; give a folder, qdrant://host:6333/name or "
        "postgresql://user:password@host:5432/database"
    )


def unit_query(vector: Float32[np.ndarray, " d"], top: int, dimension: int) -> Float64[np.ndarray, " d"]:
    """Check a query and normalize it in float64.

    Raises:
        GalleryError: the vector is zero, not finite or of another dimension, or `top` is below 1.
    """
    if vector.shape != (dimension,):
        raise GalleryError(
            f"this gallery holds vectors of {dimension} numbers, the query has shape {vector.shape}; embed it with the "
            "model of the gallery"
        )
    if not bool(np.isfinite(vector).all()) or not bool(vector.any()):
        raise GalleryError("the query's vector is zero or not finite; search with another image")
    if top < 1:
        raise GalleryError(f"top {top}: must be at least 1")
    exact = vector.astype(np.float64)
    return exact / np.linalg.norm(exact)
