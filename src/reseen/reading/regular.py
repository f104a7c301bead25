"""Regular files: a device, a pipe or a socket in the place of a file could block a reader, or never end."""

import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MOST_BYTES = 256_000_000
"""Text files with more bytes are refused unread."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; links are followed, pipes and devices are refused without waiting for them.

    Raises:
        OSError: it is missing, cannot be read, or is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "is a folder, a device or a pipe, and no regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """The bytes of a regular file.

    Raises:
        OSError: as in `open_regular`.
        ValueError: it has more than `most_bytes`.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most_bytes:
            raise ValueError(f"{size:,} bytes, and at most {most_bytes:,} are read")
        return file.read(most_bytes)


def read_lines(path: Path, most_bytes: int = MOST_BYTES) -> Iterator[str]:
    """The lines of a text file in UTF-8 with their ends as they are, as the `csv` module wants them.

    A mark of the byte order at the beginning, as spreadsheets write it, is left out.

    Raises:
        OSError: as in `open_regular`.
        ValueError: it has more than `most_bytes`, or is no UTF-8.
    """
    return io.StringIO(read_regular(path, most_bytes).decode("utf-8-sig"), newline="")
