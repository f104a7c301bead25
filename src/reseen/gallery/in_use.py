"""Early check whether another process has a gallery open, before torch is imported and a model is loaded."""

from pathlib import Path

from reseen.errors import GalleryError
from reseen.locks import LOCK, holder_of

RUN_GALLERY = "gallery"
"""Name of the gallery folder that `reseen view` creates inside a run folder."""


def refuse_if_in_use(address: str | Path) -> None:
    """Fail early if the gallery is a folder that another process has open.

    This takes milliseconds and holds no lock: opening the gallery may still fail.

    Raises:
        GalleryError: another process has the folder open.
    """
    text = str(address)
    if "://" in text or text == "memory:":
        return
    path = Path(text).expanduser()
    holder = holder_of(path / LOCK)
    if holder is not None:
        raise in_use(path, holder)


def in_use(path: Path, process: str) -> GalleryError:
    """The error for a gallery folder that process `process` has open."""
    return GalleryError(
        f"{path}: another process (ID {process}) has this gallery open; if that is `reseen view`, search, "
        "correct and forget in the browser, else wait for the process or stop it. For concurrent processes, keep "
        "the gallery in Qdrant or PostgreSQL"
    )
