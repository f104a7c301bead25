"""Paths of a gallery's side files: in its folder or, for servers, in the user's state folder."""

import atexit
import hashlib
import shutil
import tempfile
from functools import cache
from pathlib import Path

from reseen.user_folders import state_base

CAMERA_MEANS = "cameras.safetensors"
"""Side file of the means of a gallery's cameras; removed with every deletion, and made again when it is asked for."""


def side_file(address: str, name: str) -> Path:
    """Path of the side file `name` of the gallery at `address`."""
    if address == "memory:":  # its side files are temporary, too
        return _memory_folder() / name
    if "://" not in address:
        return Path(address).expanduser() / name
    return state_base() / f"{hashlib.sha256(address.encode()).hexdigest()[:16]}-{name}"


@cache
def _memory_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="reseen-memory-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def map_folder(address: str) -> Path | None:
    """Folder of the viewer's map coordinates beside a gallery folder; None for servers, whose maps are not saved."""
    return None if ":" in address else Path(f"{address}.map")
