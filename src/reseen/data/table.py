"""`ImageTable`: one row per crop, and the row number is the only key.

A table has no identity column: who is on a crop cannot be reached from the training path. Identities live in
`reseen.data.evaluation_table`, which only evaluation reads.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from reseen.data.image_source import ImageSource
from reseen.records import UNKNOWN_CAMERA

UNKNOWN_TRACKLET = -1
"""The tracklet index of an image whose tracklet nobody knows."""


@dataclass(frozen=True, eq=False)
class ImageTable:
    """Crops on disk, sorted by relative path when a reader made the table.

    Raises:
        ValueError: columns of unequal length, or a camera index without a name.
    """

    root: Path
    """Absolute folder that `paths` start from."""

    paths: tuple[str, ...]
    """Path of each crop, relative to `root`, with forward slashes."""

    cameras: Int64[np.ndarray, " n"]
    """Camera index, 0 to the number of names less one; `UNKNOWN_CAMERA` (-1) where nobody knows."""

    camera_names: tuple[str, ...] = ()
    """What each camera index is called."""

    tracklets: Int64[np.ndarray, " n"] | None = None
    """Tracklet index, -1 where unknown; a tracklet lies within one camera."""

    times: Float64[np.ndarray, " n"] | None = None
    """Time of each crop in seconds from any origin, NaN where unknown."""

    spans: Int64[np.ndarray, "n 2"] | None = None
    """First byte and number of bytes of crops that lie in shards, whose paths are `shard.tar::member`; None where
    every crop is a file."""

    def __post_init__(self) -> None:
        for name in ("cameras", "tracklets", "times"):
            column = getattr(self, name)
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
        """Absolute path of a crop; one in a shard goes on behind `::`."""
        return self.root / self.paths[row]

    def source(self, row: int) -> ImageSource:
        """Where the bytes of a crop are."""
        if self.spans is None:
            return ImageSource(self.path(row))
        start, size = self.spans[row].tolist()
        return ImageSource(self.root / self.paths[row].partition("::")[0], start, size)

    def select(self, rows: Int64[np.ndarray, " m"] | Sequence[int]) -> "ImageTable":
        """The table of some rows, in the order given; camera indices keep their meaning."""
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
        r"""Paths for files and screens: bytes in a name that are no UTF-8 are written as `\xNN`."""
        return tuple(
            path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") for path in self.paths
        )

    @property
    def has_cameras(self) -> bool:
        """True when the camera of at least one crop is known."""
        return bool((self.cameras != UNKNOWN_CAMERA).any())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of relative paths, file sizes and cameras, in row order; the same after copying."""
        digest = hashlib.sha256(self.cameras.astype("<i8").tobytes())
        digest.update("\0".join(self.camera_names).encode("utf-8", "surrogateescape"))
        for row, relative in enumerate(self.paths):
            digest.update(os.fsencode(relative) + b"\0%d\0" % _size(self.source(row)))
        return digest.hexdigest()


def _size(source: ImageSource) -> int:
    """Bytes of a crop, -1 when its file is gone."""
    try:
        return source.size_on_disk()
    except OSError:
        return -1
