"""Files that are whole or absent: temporary name, sync, rename; and nothing written through a link or to a device."""

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
"""Of every file that is opened by name alone; with O_NONBLOCK nobody waits for the other end of a pipe."""

_DEVICES = {"/dev", "/proc", "/sys"}
"""Folders of the system: a file put in place of `/dev/stdout`, a link, would break the machine."""

_KINDS = (
    (stat.S_ISLNK, "a link, which is not followed here"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in place; on failure `path` is untouched.

    Where `path` is a link, the link is replaced and what it points to stays as it is. Temporary files that killed
    processes of this machine left of the same `path` are removed first.

    Raises:
        StorageError: the disk is full, the place cannot be written, or a folder, device, pipe or socket is there.
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
    """Write a text file in UTF-8 atomically; file names in it that are no text keep their bytes."""
    try:
        content = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        content = text.encode("utf-8", "replace")

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

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


def check_output(path: Path) -> Path:
    """Refuse a name at which no file can be put: that of a folder, device, pipe or socket, also behind a link.

    Returns `path`. A link to a file, or to nothing, is no obstacle: `write_atomically` replaces the link.

    Raises:
        StorageError: there is such a thing, or the place holds devices.
    """
    with suppress(OSError):
        _refuse_irregular(path, path.stat())
    if os.path.realpath(path.parent) in _DEVICES:
        raise StorageError(f"{path}: cannot be written, its folder holds devices; choose another place")
    return path


def check_outputs(*paths: Path | None) -> None:
    """`check_output` for those that are given: asked before long work, not after it."""
    for path in paths:
        if path is not None:
            check_output(path)


def check_journal(path: Path) -> Path:
    """Refuse a name at which there is anything but a regular file, or nothing yet; links are not followed.

    Returns `path`.

    Raises:
        StorageError: there is such a thing.
    """
    with suppress(OSError):
        _refuse_irregular(path, path.lstat())
    return path


def open_regular(path: Path, flags: int) -> int:
    """Open the regular file of exactly this name with the `flags` of `os.open`; returns its descriptor.

    Raises:
        StorageError: there is a link, device, pipe, socket or folder, or the place cannot be read or written.
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
    """Add a line to a text file, on the disk when this returns; never through a link.

    A last line that a crash cut short is dropped.

    Raises:
        StorageError: the disk is full, the place cannot be written or is no regular file; the file is as it was.
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
    """Open a file that lines are only ever added to, made where there is none; never through a link.

    Raises:
        StorageError: there is no regular file, or the place cannot be written.
    """
    return os.fdopen(open_regular(path, os.O_RDWR | os.O_APPEND | os.O_CREAT), "ab")


def create_file(path: Path) -> BinaryIO:
    """Open a new file for reading and writing, in place of a file or a link that has its name.

    Raises:
        StorageError: there is a device, pipe, socket or folder, or the place cannot be written.
    """
    check_output(path)
    try:
        return os.fdopen(_create(path), "w+b")
    except OSError as error:
        raise storage_error(path, error) from None


def _create(path: Path) -> int:
    path.unlink(missing_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o666)


def _refuse_irregular(path: Path, found: os.stat_result) -> None:
    for is_kind, name in _KINDS:
        if is_kind(found.st_mode):
            raise StorageError(f"{path}: cannot be written, it is {name}; give the name of a file")


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
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return StorageError(
            f"{path}: too many files are open; raise the limit (`ulimit -n`), or close other programs, and give the "
            "command again"
        )
    if error.errno == errno.EFBIG:
        return StorageError(
            f"{path}: larger than the file-size limit of this process or of its disk; raise the limit (`ulimit -f "
            "unlimited`), or choose another place, and give the command again"
        )
    return StorageError(f"{path}: cannot be written ({error.strerror or error}); choose another place")
