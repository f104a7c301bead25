"""Early check whether another process has a gallery open, before torch is imported and a model is loaded."""

from pathlib import Path

from reseen.errors import GalleryError
from reseen.gallery.serving_file import serving_process
from reseen.locks import LOCK, holder_of

RUN_GALLERY = "gallery"
"""Name of the gallery folder that `reseen view` creates inside a run folder."""


def refuse_if_in_use(address: str | Path, *, to_serve: bool = False) -> None:
    """Fail early if the gallery is a folder that another process has open and does not serve.

    This takes milliseconds and holds no lock: opening the gallery may still fail.

    Args:
        address: address of the gallery.
        to_serve: whether it is to be opened by a viewer, which cannot work through another one.

    Raises:
        GalleryError: another process has the folder open.
    """
    text = str(address)
    if "://" in text or text == "memory:":
        return
    path = Path(text).expanduser()
    holder = holder_of(path / LOCK)
    if holder is None:
        return
    viewer = serving_process(path)
    if viewer is None:
        raise in_use(path, holder)
    if to_serve:
        raise GalleryError(
            f"{path}: `reseen view` shows this gallery already, at {viewer.url} (process {holder}); look there, or end "
            "it with Ctrl-C first"
        )


def in_use(path: Path, process: str) -> GalleryError:
    """The error for a gallery folder that process `process` has open."""
    return GalleryError(
        f"{path}: another process (ID {process}) has this gallery open; wait for it, or stop it. Several processes "
        "can work on it at once while your own `reseen view` shows it, and in Qdrant or PostgreSQL"
    )
