"""Where the bytes of a crop are: a file of its own, or a part of a shard."""

from pathlib import Path
from typing import NamedTuple

from reseen.reading import open_regular


class ImageSource(NamedTuple):
    """A file, or `size` bytes of it from byte `start` on."""

    path: Path
    start: int = 0
    size: int | None = None
    """None for the whole file."""

    def size_on_disk(self) -> int:
        """Bytes of the crop.

        Raises:
            OSError: the file is gone.
        """
        held = self.path.stat().st_size
        return held if self.size is None else self.size

    def read(self) -> bytes:
        """The bytes of the crop.

        Raises:
            OSError: the file is gone, no regular file any more, cannot be read, or shorter than the shard it was.
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
        """Size and time of change, for telling whether the bytes may have changed; `gone` without the file."""
        try:
            status = self.path.stat()
        except OSError:
            return "gone"
        place = "" if self.size is None else f" {self.start} {self.size}"
        return f"{status.st_size} {status.st_mtime_ns}{place}"
