"""`ImageSource`: where the bytes of a crop are stored, in a file of its own or inside a shard."""

from pathlib import Path
from typing import NamedTuple

from reseen.reading import open_regular


class ImageSource(NamedTuple):
    """A file, or a range of `size` bytes in it that begins at byte `start`."""

    path: Path
    start: int = 0
    size: int | None = None
    """None for the whole file."""

    def size_on_disk(self) -> int:
        """Number of bytes of the crop.

        Raises:
            OSError: the file does not exist.
        """
        file_size = self.path.stat().st_size
        return file_size if self.size is None else self.size

    def read(self) -> bytes:
        """Read the bytes of the crop.

        Raises:
            OSError: the file does not exist, is not a regular file, cannot be read, or is shorter than the range.
        """
        with open_regular(self.path) as file:
            if self.size is None:
                return file.read()
            file.seek(self.start)
            content = file.read(self.size)
        if len(content) < self.size:
            raise OSError(0, "the shard is shorter than it was")
        return content

    def stamp(self) -> str:
        """File size, modification time and byte range, to detect changes; `gone` if the file does not exist."""
        try:
            status = self.path.stat()
        except OSError:
            return "gone"
        span = "" if self.size is None else f" {self.start} {self.size}"
        return f"{status.st_size} {status.st_mtime_ns}{span}"
