"""Lock files between processes; the operating system releases a lock when its process ends, however it ends.

All locks of the package are made here. A lock file contains the ID of the process that holds it. Symlinks are not
followed, and a file with any other content is refused, so that taking a lock never overwrites somebody's file.
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
"""Name of the lock file in a folder that one process at a time may use."""

_HOLDER = re.compile(rb"\s*(\d{0,20})\s*")
_MAX_BYTES = 64
_TRIES = 50
_WAIT_SECONDS = 0.01


@dataclass
class Lock:
    """A lock held by this process until it calls `release` or ends."""

    path: Path
    descriptor: int | None
    """Descriptor of the open lock file; None where the file system supports no locks or is read-only."""

    def release(self, remove: bool = False) -> None:
        """Release the lock and, with `remove`, delete the file; does nothing when already released."""
        if self.descriptor is None:
            return
        descriptor, self.descriptor = self.descriptor, None
        with suppress(OSError):
            if remove:
                self.path.unlink()
            else:
                os.ftruncate(descriptor, 0)  # `holder_of` must not read the old process ID
        os.close(descriptor)


def acquire(path: Path) -> Lock:
    """Lock the file at `path` exclusively for this process, without blocking; the file is created if missing.

    Raises:
        BlockingIOError: another process holds the lock; the message is that process's ID, or `unknown`.
        StorageError: `path` cannot be written, is a symlink, or is not a lock file.

    Example:
        >>> lock = acquire(folder / LOCK)
        >>> lock.release()
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
            # The recorded holder is not alive: another process is just taking the lock, or only testing it.
            if attempt + 1 == _TRIES or (holder.isdecimal() and is_alive(int(holder))):
                raise BlockingIOError(holder or "unknown")
            time.sleep(_WAIT_SECONDS)
    raise BlockingIOError("unknown")


def acquire_read_only(path: Path) -> Lock:
    """Lock a file that this process can read but not write; without a lock file, nothing is locked.

    For readers of a read-only folder, where a lock file may be missing and none is needed.

    Raises:
        BlockingIOError: another process holds the lock; the message is that process's ID, or `unknown`.
    """
    try:
        descriptor = open_regular(path, os.O_RDONLY)
    except StorageError:
        return Lock(path, None)
    try:
        if lock_descriptor(descriptor, blocking=False):
            return Lock(path, descriptor)
        holder = _holder(path, descriptor) or "unknown"
    except OSError:  # some file systems lock only files opened for writing
        os.close(descriptor)
        return Lock(path, None)
    os.close(descriptor)
    raise BlockingIOError(holder)


def holder_of(path: Path) -> str | None:
    """The ID of the process that holds a lock file, or `unknown`; None if it is not locked or cannot be read."""
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
    """Hold the lock file at `path` while the block runs; with `remove`, delete the file afterwards.

    `busy` maps the ID of the process that holds the lock to the error to raise.

    Raises:
        ReseenError: the error made by `busy`, if another process holds the lock.
        StorageError: `path` cannot be written.
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
    """Lock the output file `out` against other writers while the block runs.

    The lock is a hidden file beside `out`, removed at the end.

    Raises:
        StorageError: another process is writing `out`, it is not a regular file, or its folder cannot be written.
    """

    def busy(process: str) -> StorageError:
        return StorageError(
            f"{out}: another process (ID {process}) is writing this file; wait for it, or choose another name"
        )

    check_output(out)
    with exclusive_lock(make_folder(out.parent) / f".{out.name}.lock", busy, remove=True):
        yield


@contextmanager
def wait_for_writer(out: Path, seconds: float = 300) -> Iterator[None]:
    """Lock the file `out` against other writers as `exclusive_writer` does, after waiting for one that has it.

    Raises:
        StorageError: another process still has it after `seconds`, or its folder cannot be written.
    """
    path = out.parent / f".{out.name}.lock"
    end = time.monotonic() + seconds
    while True:
        try:
            lock = acquire(path)
            break
        except BlockingIOError as holder:
            if time.monotonic() > end:
                raise StorageError(
                    f"{out}: another process (ID {holder}) has been writing this file for {seconds:.0f} s; stop it, "
                    "and run the command again"
                ) from None
            time.sleep(_WAIT_SECONDS)
    try:
        yield
    finally:
        lock.release(remove=True)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file is still at `path`: its last holder may have removed it in the meantime."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    return False


def _holder(path: Path, descriptor: int) -> str:
    """The process ID in a lock file; empty if there is none.

    Raises:
        StorageError: the file has other content, which must not be overwritten.
    """
    start = 1 if os.name == "nt" else 0  # Windows does not let other processes read the locked first byte
    os.lseek(descriptor, start, os.SEEK_SET)
    match = _HOLDER.fullmatch(os.read(descriptor, _MAX_BYTES))
    if match is None:
        raise StorageError(
            f"{path}: a lock file is needed here, and this file has other content; move it away, or choose another "
            "folder"
        )
    return match[1].decode("ascii")


def _write_holder(descriptor: int) -> None:
    with suppress(OSError):  # on a full disk the file is locked, only without the ID in it
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f" {os.getpid()}".encode("ascii"))
