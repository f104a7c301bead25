"""From the address of a gallery to its store."""

from pathlib import Path

from reseen.errors import GalleryError
from reseen.gallery.identity import ModelIdentity
from reseen.gallery.store import Store


def open_store(address: str, model: ModelIdentity | None = None, create: bool = False) -> Store:
    """The store at `address`.

    | address | store |
    |---|---|
    | a folder | Qdrant Edge, embedded; nothing to start |
    | `qdrant://host:6333/name` | a Qdrant server or cluster; `qdrant+https://:KEY@host:6333/name` with a key |
    | `postgresql://user:password@host:5432/database?table=reseen` | PostgreSQL with pgvector |
    | `memory:` | arrays, gone with the process |

    With `model`, vectors of another model are refused. With `create`, an empty store is made for `model` where there
    is none.

    Raises:
        GalleryError: there is no gallery, it is damaged or locked, or another model made it.
        StorageError: the disk is full or the place cannot be written.
    """
    if create and model is None:
        raise GalleryError("a new gallery needs the model whose vectors it will hold; give a run")
    if address == "memory:":
        from reseen.gallery.stores.memory import MemoryStore

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
        f"{scheme}://...: no gallery can be kept there; give a folder, qdrant://host:6333/name or "
        "postgresql://user:password@host:5432/database"
    )
