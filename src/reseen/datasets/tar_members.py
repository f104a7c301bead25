"""The members of a tar archive in their order, each held against the archive: a header may say anything of sizes.

Python's reader follows a negative size backwards, for ever, and reads extended headers of any size into memory.
"""

import os
import tarfile
from collections.abc import Iterator
from typing import IO

_MOST_HEADER = 16_384
"""Bytes of an extended header; a path has at most 4,096."""

DAMAGED = (
    tarfile.TarError, OSError, EOFError, ValueError, LookupError, OverflowError, MemoryError, RecursionError, TypeError,
)  # fmt: skip
"""What reading a damaged archive raises."""


def members_of(stream: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    """The members of an archive that is open for reading and can be read from any place.

    Raises:
        ValueError: a member ends before it begins or beyond the end of the archive, or its name is none of a file.
        tarfile.TarError and others of `DAMAGED`: it is no archive.
    """
    end = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    with tarfile.open(None, "r:", _Headers(stream)) as archive:  # type: ignore[call-overload]
        place = 0
        while (member := archive.next()) is not None:
            size = member.size if member.isreg() else 0
            if member.size < 0 or not place <= member.offset_data <= end - size:
                raise ValueError(
                    f"{member.name[:80]!r} has {member.size:,} bytes by its header, which the archive does not hold"
                )
            if "\0" in member.name:
                raise ValueError(f"the name {member.name[:80]!r} is none of a file")
            place = member.offset_data
            yield member
            archive.members.clear()  # else every header is kept until the end


class _Headers:
    """The archive as its reader sees it: headers are small, all else is passed over."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """Bytes of a header."""
        if not 0 <= size <= _MOST_HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes, and at most {_MOST_HEADER:,} are read")
        return self._stream.read(size)

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        """Move."""
        return self._stream.seek(place, whence)

    def tell(self) -> int:
        """Where it is."""
        return self._stream.tell()
