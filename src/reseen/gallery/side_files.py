"""Small files that belong to a gallery: in its folder, or among the user's own files for a server."""

import atexit
import hashlib
import shutil
import tempfile
from functools import cache
from pathlib import Path

from reseen.user_folders import state_base


def side_file(address: str, name: str) -> Path:
    """Where the file `name` of the gallery at `address` is."""
    if address == "memory:":  # gone with its process, and so are its files
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
    """Where the viewer keeps the map of a gallery in a folder; None for servers, whose maps are not kept."""
    return None if ":" in address else Path(f"{address}.map")
