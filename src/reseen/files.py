"""Files that are either whole or absent: written under a temporary name, synced, renamed."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from reseen.errors import StorageError


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in place; on failure `path` is untouched.

    Raises:
        StorageError: the disk is full or the place cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise storage_error(path, error) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""

    def write(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")

    write_atomically(path, write)


def make_folder(path: Path) -> Path:
    """Create a folder and its parents.

    Raises:
        StorageError: it cannot be created or written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(path, error) from None
    if not os.access(path, os.W_OK):
        raise StorageError(f"{path}: this folder cannot be written; choose another place")
    return path


def storage_error(path: Path, error: OSError) -> StorageError:
    """One sentence for what the system said about writing `path`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(
            f"{path}: the disk is full; free some space and give the command again, a training with --resume"
        )
    return StorageError(f"{path}: cannot be written ({error.strerror or error}); choose another place")
