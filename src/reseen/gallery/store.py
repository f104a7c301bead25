"""The interface of a store of embeddings, the table of stores, and `open_store`, which selects one by address."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64

from reseen.errors import GalleryError
from reseen.export.fingerprint import ModelIdentity
from reseen.gallery.entries import Entries, Hit
from reseen.gallery.filter import EVERYTHING, Filter
from reseen.gallery.serving_file import serving_process
from reseen.registry import Registry


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


@runtime_checkable
class SharedStore(Protocol):
    """A store that several processes write to at once."""

    def replace(self, entries: Entries) -> None:
        """Replace, by key, those entries that are there; what another process deleted meanwhile is not added again.

        Raises:
            GalleryError: the vectors have another dimension.
            StorageError: the disk is full, or the store cannot be written.
        """
        ...


def replace_entries(store: Store, entries: Entries) -> None:
    """Replace, by key, those entries that a store has; others are not added.

    Raises:
        GalleryError: the vectors have another dimension.
        StorageError: the disk is full, or the store cannot be written.
    """
    if isinstance(store, SharedStore):
        store.replace(entries)
        return
    keys = tuple(entry.key for entry in entries.entries)
    known = {entry.key for part in store.scan(Filter(keys=keys)) for entry in part.entries}
    rows = [row for row, key in enumerate(keys) if key in known]
    if rows:
        store.add(Entries([entries.entries[row] for row in rows], entries.vectors[rows]))


@dataclass(frozen=True)
class RegisteredStore:
    """A kind of store, by the scheme of its addresses."""

    open: Callable[[str, ModelIdentity | None, bool], Store]
    """Opens or creates the store at an address, given the model that it must be of (None: any) and whether to create
    an empty one if there is none; raises GalleryError."""
    address: str
    """What an address looks like, such as `qdrant://host:6333/name`, for messages."""


def _missing(_: str, row: object) -> str:
    """What a row lacks, for a message; empty where it is complete."""
    if not isinstance(row, RegisteredStore):
        return f"is registered as {type(row).__name__}, and a RegisteredStore is needed"
    if not callable(row.open):
        return "has no function `open`"
    return "" if row.address else "has no `address` that shows what one looks like"


def _open_folder(address: str, model: ModelIdentity | None, create: bool) -> Store:
    path = Path(address).expanduser()
    if (viewer := serving_process(path)) is not None:
        from reseen.gallery.stores.served import ServedStore

        return ServedStore(path, viewer, model)
    from reseen.gallery.stores.edge import EdgeStore

    return EdgeStore(path, model, create)


def _open_memory(address: str, model: ModelIdentity | None, create: bool) -> Store:
    from reseen.gallery.stores.in_memory import MemoryStore

    if address != "memory:" or model is None or not create:
        raise GalleryError("memory: is always a new gallery; index crops into it")
    return MemoryStore(model)


def _open_qdrant(address: str, model: ModelIdentity | None, create: bool) -> Store:
    from reseen.gallery.stores.qdrant_server import connect

    return connect(address, model, create)


def _open_postgresql(address: str, model: ModelIdentity | None, create: bool) -> Store:
    from reseen.gallery.stores.postgresql import PostgresqlStore

    return PostgresqlStore(address, model, create)


_QDRANT = RegisteredStore(_open_qdrant, "qdrant://host:6333/name")
_POSTGRESQL = RegisteredStore(_open_postgresql, "postgresql://user:password@host:5432/database")
FOLDER = "folder"
"""Name of the store whose address is a path, without a scheme."""

STORES: Registry[RegisteredStore] = Registry(
    "reseen.stores",
    "store",
    {
        FOLDER: RegisteredStore(_open_folder, "a folder"),
        "memory": RegisteredStore(_open_memory, "memory:"),
        "postgres": _POSTGRESQL,
        "postgresql": _POSTGRESQL,
        "qdrant": _QDRANT,
        "qdrant+https": _QDRANT,
    },
    _missing,
)
"""Every store by the scheme of its addresses. A store of the package is one file and one line here; one of another
package is an entry point of the group `reseen.stores`, a `RegisteredStore`."""


def open_store(address: str, model: ModelIdentity | None = None, create: bool = False) -> Store:
    """Open or create the store at an address.

    | address | store |
    |---|---|
    | a folder | Qdrant Edge, embedded, without a server |
    | `qdrant://host:6333/name` | a Qdrant server or cluster; `qdrant+https://:KEY@host:6333/name` with an API key |
    | `postgresql://user:password@host:5432/database?table=reseen` | PostgreSQL with pgvector |
    | `memory:` | arrays in memory, lost when the process ends |
    | `scheme://...` | that of another package or of a plug-in file, by its scheme |

    Args:
        address: one of the above.
        model: the model that the store must be of; None accepts any.
        create: create an empty store for `model` if there is none.

    Raises:
        GalleryError: the gallery does not exist, is damaged, locked or of another model, or the scheme is unknown.
        StorageError: the disk is full, or the store cannot be written.
        SettingsError: an installed store cannot be loaded.
    """
    if create and model is None:
        raise GalleryError("a new gallery needs the model that embeds its crops; give a run")
    scheme, separator, _ = address.partition("://")
    if not separator:
        scheme = "memory" if address == "memory:" else FOLDER
    row = STORES.find(scheme)
    if row is None:
        known = [kind.address for kind in dict.fromkeys(STORES.values())]
        raise GalleryError(
            f"{scheme}://...: unknown kind of gallery address; give {', '.join(known[:-1])} or {known[-1]}; one of "
            "your own needs its package installed, or its file given by --plugin"
        )
    return row.open(address, model, create)


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
