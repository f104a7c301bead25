"""Iteration over the members of a tar archive, checking the sizes in their headers against the archive.

Python's `tarfile` loops forever on negative sizes, and reads extended headers of any size into memory.
"""

import os
import tarfile
from collections.abc import Iterator
from typing import IO

_MOST_HEADER = 16_384
"""Limit of an extended header in bytes; a path has at most 4,096."""

DAMAGED = (
    tarfile.TarError, OSError, EOFError, ValueError, LookupError, OverflowError, MemoryError, RecursionError, TypeError,
)  # fmt: skip
"""Exceptions raised while reading a damaged archive."""


def members_of(stream: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an archive, given as an open and seekable binary stream.

    Raises:
        ValueError: a member has a negative size or extends beyond the archive, or its name contains a null byte.
        tarfile.TarError: the stream is not an archive; other exceptions in `DAMAGED` are possible.
    """
    end = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    with tarfile.open(None, "r:", _Headers(stream)) as archive:  # type: ignore[call-overload]
        position = 0
        while (member := archive.next()) is not None:
            size = member.size if member.isreg() else 0
            if member.size < 0 or not position <= member.offset_data <= end - size:
                raise ValueError(
                    f"{member.name[:80]!r} has {member.size:,} bytes by its header, which the archive does not hold"
                )
            if "\0" in member.name:
                raise ValueError(f"{member.name[:80]!r} is not a valid file name")
            position = member.offset_data
            yield member
            archive.members.clear()  # else all headers stay in memory


class _Headers:
    """A stream for `tarfile` that limits the size of headers; the content of members is only skipped."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """Read a header of at most `_MOST_HEADER` bytes."""
        if not 0 <= size <= _MOST_HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes, and at most {_MOST_HEADER:,} are read")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Change the stream position."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """The stream position."""
        return self._stream.tell()
