"""The user's folders for cached files, which can be recomputed, and for state, which cannot."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from reseen.errors import StorageError


def cache_base() -> Path:
    """The cache folder: `$RESEEN_CACHE`, else `$XDG_CACHE_HOME/reseen`, else `~/.cache/reseen`.

    Without a home folder (in a container whose user has none), a private folder in the system's temporary folder.
    """
    own, xdg = os.environ.get("RESEEN_CACHE"), os.environ.get("XDG_CACHE_HOME")
    home = _home()
    if own:
        return Path(own).expanduser() if home else Path(own)
    if xdg:
        return Path(xdg) / "reseen"
    return home / ".cache" / "reseen" if home else _private_temporary_folder()


def state_base() -> Path:
    """The folder for state that must persist: `$XDG_STATE_HOME/reseen`, else `~/.local/state/reseen`.

    Raises:
        StorageError: XDG_STATE_HOME is not set and the user has no home folder.
    """
    xdg, home = os.environ.get("XDG_STATE_HOME"), _home()
    if xdg:
        return Path(xdg) / "reseen"
    if home is None:
        raise StorageError(
            "this user has no home folder, and records of deletions and edits must be kept; set XDG_STATE_HOME to a "
            "persistent folder"
        )
    return home / ".local" / "state" / "reseen"


def is_private(folder: Path) -> bool:
    """Whether a folder exists, belongs to this user, and is not writable by anybody else."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    owned = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return stat.S_ISDIR(status.st_mode) and owned and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:  # HOME is not set, and the user has no entry in the password database
        return None


def _private_temporary_folder() -> Path:
    """A folder shared by all commands of this user; a new one if another user owns that name."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"reseen-{user}"
    with suppress(OSError):
        folder.mkdir(mode=0o700)
    return folder if is_private(folder) else Path(tempfile.mkdtemp(prefix="reseen-"))
