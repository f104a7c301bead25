"""Files that are whole or absent: temporary name, sync, rename; and locks that end with their process."""

import errno
import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from glob import escape as glob_escape
from pathlib import Path

from reseen.errors import ReseenError, StorageError

LOCK = "lock"
"""The file in a folder that the one process holds which works there."""


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in place; on failure `path` is untouched.

    Temporary files that killed processes of this machine left of the same `path` are removed first.

    Raises:
        StorageError: the disk is full or the place cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{host_name()}-{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
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


@contextmanager
def held(lock: Path, busy: Callable[[str], ReseenError]) -> Iterator[None]:
    """Be the only process in this block; `busy` makes the error to raise where the named process is in it.

    Raises:
        ReseenError: what `busy` gave.
        StorageError: the place cannot be written.
    """
    try:
        descriptor = hold(lock)
    except BlockingIOError as holder:
        raise busy(str(holder)) from None
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def sole_writer(out: Path, folder: Path) -> AbstractContextManager[None]:
    """Be the only process in this block that writes `out`, of all that keep their unfinished work in `folder`.

    Raises:
        StorageError: another process is writing it, or the place cannot be written.
    """

    def busy(process: str) -> StorageError:
        return StorageError(
            f"{out}: another process (number {process}) is writing this file; wait for it, or give another name"
        )

    return held(folder / LOCK, busy)


def hold(lock: Path) -> int | None:
    """Take the lock file `lock`, made where there is none, for this process alone; `os.close` lets go of it.

    The system lets go of it too when the process ends, however it ends. None where the file system knows no locks.

    Raises:
        BlockingIOError: another process holds it; the text is that process's number, or `unknown`.
        StorageError: the place cannot be written.
    """
    while True:
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise storage_error(lock, error) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise BlockingIOError(holder) from None
        except OSError:
            os.close(descriptor)
            return None
        with suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), lock.stat()):
                break
        os.close(descriptor)  # the last holder removed the file in between: take the new one
    with suppress(OSError):  # on a full disk the lock holds all the same
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode("ascii"), 0)
    return descriptor


def state_folder() -> Path:
    """Where small files about what lies elsewhere are kept: `reseen` below `$XDG_STATE_HOME` or `~/.local/state`."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "reseen"


def append_line(path: Path, line: str) -> None:
    """Add a line to a text file, on the disk when this returns; a last line cut short by a crash goes.

    Raises:
        StorageError: the disk is full or the place cannot be written; the file is as it was.
    """
    make_folder(path.parent)
    try:
        with path.open("ab+") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            start = file.read().rfind(b"\n") + 1
            if start < size:
                file.truncate(start)
            try:
                file.write(line.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                file.truncate(start)
                raise
    except OSError as error:
        raise storage_error(path, error) from None


def host_name() -> str:
    """The name of this machine, fit for a part of a file's name."""
    return socket.gethostname().replace("-", "_").replace("/", "_")


def is_alive(process: int) -> bool:
    """Whether a process with this number runs on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # not ours to signal, so it lives
        return True
    return True


def is_temporary_of(path: Path, file: Path) -> bool:
    """Whether a file is what a process writes, or left when it was killed, before it becomes `path`."""
    name = file.name
    return file.parent == path.parent and name.startswith(f".{path.name}.") and name.endswith(".part")


def _sweep(path: Path) -> None:
    for left in path.parent.glob(f".{glob_escape(path.name)}.{glob_escape(host_name())}-*.part"):
        process = left.name.removesuffix(".part").rpartition("-")[2]
        if process.isdecimal() and not is_alive(int(process)):
            with suppress(OSError):
                left.unlink()


def storage_error(path: Path, error: OSError) -> StorageError:
    """One sentence for what the system said about writing `path`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(
            f"{path}: the disk is full; free some space and give the command again, a training with --resume"
        )
    return StorageError(f"{path}: cannot be written ({error.strerror or error}); choose another place")
