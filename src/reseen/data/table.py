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

    def __post_init__(self) -> None:
        for name in ("cameras", "tracklets", "times"):
            column = getattr(self, name)
            if column is not None and column.shape != (len(self.paths),):
                raise ValueError(
                    f"{name} need one value for each of {len(self.paths)} paths, got {column.shape}"
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
        """Absolute path of a crop."""
        return self.root / self.paths[row]

    def select(self, rows: Int64[np.ndarray, " m"] | Sequence[int]) -> "ImageTable":
        """The table of some rows, in the order given; camera indices keep their meaning."""
        index = np.asarray(rows, dtype=np.int64)
        return replace(
            self,
            paths=tuple(self.paths[row] for row in index),
            cameras=self.cameras[index],
            tracklets=None if self.tracklets is None else self.tracklets[index],
            times=None if self.times is None else self.times[index],
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
        for relative in self.paths:
            digest.update(os.fsencode(relative) + b"\0%d\0" % _size(self.root / relative))
        return digest.hexdigest()


def _size(path: Path) -> int:
    """Bytes in a file, -1 when it is gone."""
    try:
        return path.stat().st_size
    except OSError:
        return -1
