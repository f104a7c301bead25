"""Whether another process has a gallery open: asked before torch is imported or a model loaded, which take seconds."""

from pathlib import Path

from reseen.errors import GalleryError
from reseen.locks import LOCK, holder_of

RUN_GALLERY = "gallery"
"""The folder of the gallery that `reseen view` keeps in the folder of a run."""


def refuse_if_in_use(address: str | Path) -> None:
    """Raise GalleryError where the gallery at `address` is a folder that another process has open.

    It costs milliseconds, and promises nothing for later: opening the gallery takes the lock.
    """
    text = str(address)
    if "://" in text or text == "memory:":
        return
    path = Path(text).expanduser()
    holder = holder_of(path / LOCK)
    if holder is not None:
        raise in_use(path, holder)


def in_use(path: Path, process: str) -> GalleryError:
    """The error that names the process which has the gallery in the folder `path` open."""
    return GalleryError(
        f"{path}: another process (number {process}) has this gallery open; where that is `reseen view`, search, "
        "correct and forget in its pages in the browser, else wait for it or end it. For several processes at once "
        "keep the gallery in Qdrant or PostgreSQL"
    )
