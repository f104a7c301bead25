"""Where the user's own files are kept: what can be made again, and what cannot."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from reseen.errors import StorageError


def cache_base() -> Path:
    """The folder of what can be made again: `$RESEEN_CACHE`, or `reseen` in the user's caches.

    Without a home (in a container as a user nobody knows), a folder of this user alone among the temporary files.
    """
    own, general = os.environ.get("RESEEN_CACHE"), os.environ.get("XDG_CACHE_HOME")
    home = _home()
    if own:
        return Path(own).expanduser() if home else Path(own)
    if general:
        return Path(general) / "reseen"
    return home / ".cache" / "reseen" if home else _private_temporary_folder()


def state_base() -> Path:
    """The folder of what must not be lost: `reseen` in `$XDG_STATE_HOME`, or in `~/.local/state`.

    Raises:
        StorageError: there is neither.
    """
    general, home = os.environ.get("XDG_STATE_HOME"), _home()
    if general:
        return Path(general) / "reseen"
    if home is None:
        raise StorageError(
            "this user has no home folder, and what was forgotten or corrected must be kept; set XDG_STATE_HOME to a "
            "folder that stays"
        )
    return home / ".local" / "state" / "reseen"


def is_private(folder: Path) -> bool:
    """Whether a folder is there, is this user's, and nobody else may write into it."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    owned = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return stat.S_ISDIR(found.st_mode) and owned and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:  # no HOME, and the system does not know this user
        return None


def _private_temporary_folder() -> Path:
    """The same folder for every command of this user; another, where somebody else has taken that name."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"reseen-{user}"
    with suppress(OSError):
        folder.mkdir(mode=0o700)
    return folder if is_private(folder) else Path(tempfile.mkdtemp(prefix="reseen-"))
