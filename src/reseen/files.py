"""Atomic file writes (temporary file, fsync, rename) that never follow symlinks and never write to a device."""

import errno
import os
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from glob import escape as glob_escape
from pathlib import Path
from typing import BinaryIO

from reseen.errors import StorageError

_FLAGS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK", "O_BINARY"))
"""Flags for every `os.open`; O_NONBLOCK avoids waiting for the other end of a named pipe."""

_DEVICES = {"/dev", "/proc", "/sys"}
"""System folders that are never written to: replacing the symlink `/dev/stdout` by a file would break the machine."""

_KINDS = (
    (stat.S_ISLNK, "a link, which is not followed here"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Call `write` with a temporary file beside `path`, then rename that to `path`; on failure `path` is unchanged.

    If `path` is a symlink, the symlink is replaced and its target is left alone. Temporary files of the same `path`
    left behind by killed processes of this machine are removed first.

    Raises:
        StorageError: the disk is full, `path` cannot be written, or it is a folder, device, pipe or socket.

    Example:
        >>> write_atomically(Path("scores.npy"), lambda file: file.write_bytes(content))
    """
    temporary = path.with_name(f".{path.name}.{host_name()}-{os.getpid()}.part")
    check_output(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        os.close(_create(temporary))  # so that `write` cannot follow a link of this name
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
    """Write a UTF-8 text file atomically; undecodable bytes of file names (surrogate escapes) are written unchanged.

    Raises:
        StorageError: as in `write_atomically`.
    """
    try:
        content = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        content = text.encode("utf-8", "replace")

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    write_atomically(path, write)


def make_folder(path: Path) -> Path:
    """Create a folder and its parents if missing, and return it.

    Raises:
        StorageError: the folder cannot be created, or is not writable.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(path, error) from None
    if not os.access(path, os.W_OK):
        raise StorageError(f"{path}: this folder cannot be written; choose another folder")
    return path


def check_output(path: Path) -> Path:
    """Check that a file can be written at `path`, and return `path`.

    Refused are folders, devices, pipes and sockets, also behind a symlink. A symlink to a file or a broken one is
    accepted, because `write_atomically` replaces it.

    Raises:
        StorageError: `path` is one of these, or lies in a system folder of devices.
    """
    with suppress(OSError):
        _refuse_irregular(path, path.stat())
    if os.path.realpath(path.parent) in _DEVICES:
        raise StorageError(f"{path}: cannot be written, its folder holds devices; choose another folder")
    return path


def check_outputs(*paths: Path | None) -> None:
    """Run `check_output` on every path that is not None, before long work starts.

    Raises:
        StorageError: as in `check_output`.
    """
    for path in paths:
        if path is not None:
            check_output(path)


def check_journal(path: Path) -> Path:
    """Check that `path` is a regular file or does not exist, without following symlinks, and return `path`.

    Raises:
        StorageError: `path` is anything else.
    """
    with suppress(OSError):
        _refuse_irregular(path, path.lstat())
    return path


def open_regular(path: Path, flags: int) -> int:
    """Open a regular file with the `flags` of `os.open`, without following a symlink, and return its descriptor.

    Raises:
        StorageError: `path` is a symlink, device, pipe, socket or folder, or cannot be read or written.
    """
    check_journal(path)
    try:
        descriptor = os.open(path, flags | _FLAGS, 0o666)
    except OSError as error:
        raise storage_error(path, error) from None
    try:
        _refuse_irregular(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def append_line(path: Path, line: str) -> None:
    """Append a line to a text file and sync it to disk; symlinks are not followed.

    An incomplete last line, left by a crash, is dropped first.

    Raises:
        StorageError: the disk is full, or `path` cannot be written or is not a regular file; nothing is appended.
    """
    make_folder(path.parent)
    try:
        with os.fdopen(open_regular(path, os.O_RDWR | os.O_APPEND | os.O_CREAT), "ab+") as file:
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


def open_journal(path: Path) -> BinaryIO:
    """Open an append-only file in binary mode, creating it if missing; symlinks are not followed.

    Raises:
        StorageError: `path` is not a regular file, or cannot be written.
    """
    return os.fdopen(open_regular(path, os.O_RDWR | os.O_APPEND | os.O_CREAT), "ab")


def create_file(path: Path) -> BinaryIO:
    """Create a file and open it for reading and writing; an existing file or symlink at `path` is replaced.

    Raises:
        StorageError: `path` is a device, pipe, socket or folder, or cannot be written.
    """
    check_output(path)
    try:
        return os.fdopen(_create(path), "w+b")
    except OSError as error:
        raise storage_error(path, error) from None


def _create(path: Path) -> int:
    path.unlink(missing_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o666)


def _refuse_irregular(path: Path, status: os.stat_result) -> None:
    for is_kind, name in _KINDS:
        if is_kind(status.st_mode):
            raise StorageError(f"{path}: cannot be written, it is {name}; give the name of a file")


def host_name() -> str:
    """The host name of this machine, with `-` and `/` replaced so that it can be part of a file name."""
    return socket.gethostname().replace("-", "_").replace("/", "_")


def is_alive(process: int) -> bool:
    """Whether a process with this ID runs on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it exists, but belongs to another user
        return True
    return True


def is_temporary_of(path: Path, file: Path) -> bool:
    """Whether `file` is a temporary file that `write_atomically` made for `path`."""
    name = file.name
    return file.parent == path.parent and name.startswith(f".{path.name}.") and name.endswith(".part")


def _sweep(path: Path) -> None:
    """Remove temporary files of `path` whose process has ended."""
    for temporary in path.parent.glob(f".{glob_escape(path.name)}.{glob_escape(host_name())}-*.part"):
        process = temporary.name.removesuffix(".part").rpartition("-")[2]
        if process.isdecimal() and not is_alive(int(process)):
            with suppress(OSError):
                temporary.unlink()


def storage_error(path: Path, error: OSError) -> StorageError:
    """Convert an `OSError` raised while writing `path` to a `StorageError` that says how to fix it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(
            f"{path}: the disk is full; free some space and run the command again (resume training with --resume)"
        )
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return StorageError(
            f"{path}: too many files are open; raise the limit (`ulimit -n`), or close other programs, and run the "
            "command again"
        )
    if error.errno == errno.EFBIG:
        return StorageError(
            f"{path}: larger than the file-size limit of this process or of its disk; raise the limit (`ulimit -f "
            "unlimited`), or choose another path, and run the command again"
        )
    return StorageError(f"{path}: cannot be written ({error.strerror or error}); choose another path")
