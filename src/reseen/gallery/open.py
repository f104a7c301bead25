"""From the address of a gallery to its store."""

from reseen.errors import GalleryError
from reseen.gallery.identity import ModelIdentity
from reseen.gallery.store import Store
from reseen.gallery.stores.memory import MemoryStore


def open_store(address: str, model: ModelIdentity | None = None, create: bool = False) -> Store:
    """The store at `address`: `memory:`, gone with the process.

    With `model`, vectors of another model are refused. With `create`, an empty store is made for `model` where there
    is none.

    Raises:
        GalleryError: there is no gallery, it is damaged or locked, or another model made it.
    """
    if address == "memory:":
        if model is None or not create:
            raise GalleryError("memory: is always a new gallery; index crops into it")
        return MemoryStore(model)
    raise GalleryError(f"{address}: no gallery is kept there; give the folder of one")
