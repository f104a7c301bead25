"""Readers that accept regular files only: a device, pipe or socket could block the reader or never end."""

import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MOST_BYTES = 256_000_000
"""Size limit of text files, in bytes."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading in binary mode.

    Symlinks are followed; pipes and devices are refused without blocking.

    Raises:
        OSError: the file is missing, cannot be read, or is not a regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "is a folder, a device or a pipe, not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """Read a regular file of at most `most_bytes` bytes.

    Raises:
        OSError: as in `open_regular`.
        ValueError: the file is larger.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most_bytes:
            raise ValueError(f"{size:,} bytes, and at most {most_bytes:,} are read")
        return file.read(most_bytes)


def read_lines(path: Path, most_bytes: int = MOST_BYTES) -> Iterator[str]:
    """Read the lines of a UTF-8 text file with their line endings, as the `csv` module requires.

    A byte order mark at the beginning, as spreadsheets write it, is skipped.

    Raises:
        OSError: as in `open_regular`.
        ValueError: the file is larger than `most_bytes`, or is not valid UTF-8.
    """
    return io.StringIO(read_regular(path, most_bytes).decode("utf-8-sig"), newline="")
