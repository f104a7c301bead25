"""`ImageTable`: one row per crop, and where its bytes are stored; the row number is the only key.

The table has no identity column, so that training code cannot access ground truth. Identities are in
`reseen.data.evaluation_table`, which only evaluation imports.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from reseen.reading import open_regular
from reseen.records import UNKNOWN_CAMERA


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


UNKNOWN_TRACKLET = -1
"""The tracklet index of an image whose tracklet is unknown."""


@dataclass(frozen=True, eq=False)
class ImageTable:
    """Crops on disk with camera, tracklet and time; readers return tables sorted by path.

    Raises:
        ValueError: columns have different lengths, or a camera index has no name.

    Example:
        >>> table = reseen.read_training(Path("Market-1501"))
        >>> len(table), table.paths[0], table.camera_names
    """

    root: Path
    """Absolute folder that `paths` are relative to."""

    paths: tuple[str, ...]
    """Path of each crop, relative to `root`, with forward slashes."""

    cameras: Int64[np.ndarray, " n"]
    """Camera index of each crop into `camera_names`; `UNKNOWN_CAMERA` (-1) where unknown."""

    camera_names: tuple[str, ...] = ()
    """Names of the cameras."""

    tracklets: Int64[np.ndarray, " n"] | None = None
    """Tracklet index of each crop, -1 where unknown; all crops of a tracklet are from one camera."""

    times: Float64[np.ndarray, " n"] | None = None
    """Time of each crop in seconds from any origin, NaN where unknown."""

    spans: Int64[np.ndarray, "n 2"] | None = None
    """Offset and length in bytes of crops in shards, whose paths are `shard.tar::member`; None if crops are files."""

    def __post_init__(self) -> None:
        columns = {"cameras": self.cameras, "tracklets": self.tracklets, "times": self.times}
        for name, column in columns.items():
            if column is not None and column.shape != (len(self.paths),):
                raise ValueError(
                    f"{name} need one value for each of {len(self.paths)} paths, got {column.shape}"
                )
        if self.spans is not None and self.spans.shape != (len(self.paths), 2):
            raise ValueError(
                f"spans need two values for each of {len(self.paths)} paths, got {self.spans.shape}"
            )
        if len(self) and not UNKNOWN_CAMERA <= self.cameras.min() <= self.cameras.max() < len(
            self.camera_names
        ):
            raise ValueError(
                f"cameras go from {UNKNOWN_CAMERA} to {len(self.camera_names) - 1}, one less than the names; "
                f"got {self.cameras.min()} to {self.cameras.max()}"
            )

    def __len__(self) -> int:
        return len(self.paths)

    def path(self, row: int) -> Path:
        """Absolute path of a crop; for crops in shards, `shard.tar::member`."""
        return self.root / self.paths[row]

    def source(self, row: int) -> ImageSource:
        """The file or byte range of a crop."""
        if self.spans is None:
            return ImageSource(self.path(row))
        start, size = self.spans[row].tolist()
        return ImageSource(self.root / self.paths[row].partition("::")[0], start, size)

    def select(self, rows: Int64[np.ndarray, " m"] | Sequence[int]) -> "ImageTable":
        """The table of `rows`, in that order; `camera_names` and camera indices are unchanged."""
        index = np.asarray(rows, dtype=np.int64)
        return replace(
            self,
            paths=tuple(self.paths[row] for row in index),
            cameras=self.cameras[index],
            tracklets=None if self.tracklets is None else self.tracklets[index],
            times=None if self.times is None else self.times[index],
            spans=None if self.spans is None else self.spans[index],
        )

    @cached_property
    def texts(self) -> tuple[str, ...]:
        r"""Paths as valid text, for output: bytes that are not UTF-8 are written as `\xNN`."""
        return tuple(
            path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") for path in self.paths
        )

    @property
    def has_cameras(self) -> bool:
        """Whether the camera of at least one crop is known."""
        return bool((self.cameras != UNKNOWN_CAMERA).any())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of relative paths, file sizes and cameras, in row order; unchanged by copying the folder."""
        digest = hashlib.sha256(self.cameras.astype("<i8").tobytes())
        digest.update("\0".join(self.camera_names).encode("utf-8", "surrogateescape"))
        for row, relative in enumerate(self.paths):
            digest.update(os.fsencode(relative) + b"\0%d\0" % _size(self.source(row)))
        return digest.hexdigest()


def _size(source: ImageSource) -> int:
    """Number of bytes of a crop; -1 if its file does not exist."""
    try:
        return source.size_on_disk()
    except OSError:
        return -1
