"""Locks between processes: a file that one process holds, let go of by the system however that process ends.

Every lock of the package goes through here. A lock file is never followed through a link, and a file that holds
anything but the number of a process is refused, so that taking a lock cannot overwrite what somebody else wrote.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import lock_descriptor

from reseen.errors import ReseenError, StorageError
from reseen.files import check_output, is_alive, make_folder, open_regular

LOCK = "lock"
"""The file in a folder that the one process holds which works there."""

_HOLDER = re.compile(rb"\s*(\d{0,20})\s*")
_LONGEST = 64
_TRIES = 50
_WAIT_SECONDS = 0.01


@dataclass
class Lock:
    """A lock that this process holds until it calls `release` or ends."""

    path: Path
    descriptor: int | None
    """None where the file system knows no locks, or nobody can write there."""

    def release(self, remove: bool = False) -> None:
        """Let go, and with `remove` delete the file; a second time does nothing."""
        if self.descriptor is None:
            return
        descriptor, self.descriptor = self.descriptor, None
        with suppress(OSError):
            if remove:
                self.path.unlink()
            else:
                os.ftruncate(descriptor, 0)  # who only asks whether it is held must not read the old number
        os.close(descriptor)


def acquire(path: Path) -> Lock:
    """Take the lock file at `path`, made where there is none, for this process alone.

    Raises:
        BlockingIOError: another process holds it; the text is that process's number, or `unknown`.
        StorageError: the place cannot be written, or `path` is a link or no lock file.
    """
    for attempt in range(_TRIES):
        descriptor = open_regular(path, os.O_RDWR | os.O_CREAT)
        try:
            locked = lock_descriptor(descriptor, blocking=False)
        except OSError:
            os.close(descriptor)
            return Lock(path, None)
        try:
            holder = _holder(path, descriptor)
            if locked and _is_at(path, descriptor):
                _write_holder(descriptor)
                return Lock(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if not locked:
            # Nobody that lives: it is being taken this moment, or somebody asks whether it is held.
            if attempt + 1 == _TRIES or (holder.isdecimal() and is_alive(int(holder))):
                raise BlockingIOError(holder or "unknown")
            time.sleep(_WAIT_SECONDS)
    raise BlockingIOError("unknown")


def acquire_read_only(path: Path) -> Lock:
    """Take a lock file that this process cannot write; where there is none, nothing is locked.

    For who only reads where nothing can be written: on a read-only disk there may be no lock file, and none is needed.

    Raises:
        BlockingIOError: another process holds it; the text is that process's number, or `unknown`.
    """
    try:
        descriptor = open_regular(path, os.O_RDONLY)
    except StorageError:
        return Lock(path, None)
    try:
        if lock_descriptor(descriptor, blocking=False):
            return Lock(path, descriptor)
        holder = _holder(path, descriptor) or "unknown"
    except OSError:  # some file systems lock only what is open for writing
        os.close(descriptor)
        return Lock(path, None)
    os.close(descriptor)
    raise BlockingIOError(holder)


def holder_of(path: Path) -> str | None:
    """The number of the process that holds a lock file, or `unknown`; None where nobody does, or none can tell."""
    try:
        descriptor = open_regular(path, os.O_RDONLY)
    except StorageError:
        return None
    try:
        with suppress(OSError):
            if not lock_descriptor(descriptor, blocking=False):
                return _holder(path, descriptor) or "unknown"
        return None
    finally:
        os.close(descriptor)


@contextmanager
def exclusive_lock(path: Path, busy: Callable[[str], ReseenError], *, remove: bool = False) -> Iterator[None]:
    """Be the only process in this block; `busy` makes the error to raise where the named process is in it.

    With `remove`, the lock file is deleted at the end.

    Raises:
        ReseenError: what `busy` gave.
        StorageError: the place cannot be written.
    """
    try:
        lock = acquire(path)
    except BlockingIOError as holder:
        raise busy(str(holder)) from None
    try:
        yield
    finally:
        lock.release(remove)


@contextmanager
def exclusive_writer(out: Path) -> Iterator[None]:
    """Be the only process in this block that writes `out`, whatever it writes there and from what.

    The lock is a hidden file beside `out` that is removed at the end.

    Raises:
        StorageError: another process is writing it, it is no regular file, or the place cannot be written.
    """

    def busy(process: str) -> StorageError:
        return StorageError(
            f"{out}: another process (number {process}) is writing this file; wait for it, or give another name"
        )

    check_output(out)
    with exclusive_lock(make_folder(out.parent) / f".{out.name}.lock", busy, remove=True):
        yield


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the file is still at `path`: its last holder may have removed it in between."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    return False


def _holder(path: Path, descriptor: int) -> str:
    """The number of a process in a lock file; empty where there is none.

    Raises:
        StorageError: the file holds anything else, which must not be overwritten.
    """
    start = 1 if os.name == "nt" else 0  # Windows lets nobody read the first byte of a file that is locked
    os.lseek(descriptor, start, os.SEEK_SET)
    found = _HOLDER.fullmatch(os.read(descriptor, _LONGEST))
    if found is None:
        raise StorageError(
            f"{path}: a lock file is wanted here, and this one holds something else; move it away, or choose another "
            "place"
        )
    return found[1].decode("ascii")


def _write_holder(descriptor: int) -> None:
    with suppress(OSError):  # on a full disk the lock holds all the same
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f" {os.getpid()}".encode("ascii"))
