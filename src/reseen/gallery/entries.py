"""What a gallery holds of one crop, and of many."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from reseen.errors import GalleryError

_NAMESPACE = uuid.UUID("6c1f6f0e-5d0f-4d0a-9c58-7f2f0a0f9b7e")
_UNIT_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Entry:
    """One crop, without its vector."""

    source: str
    """Where its image lies: an absolute folder, as text."""
    image: str
    """Its path from there, with forward slashes; `shard.tar::member` for one in a shard."""
    thumbnail: bytes = b""
    """A small JPEG; empty where none is kept."""
    camera: str | None = None
    time: float | None = None
    """Seconds since 1970 where times are absolute, else from an origin of the source's own; None where unknown."""
    tracklet: int | None = None
    """Number within its source, None where unknown."""
    cluster: int | None = None
    """Cluster number, -1 for noise, None where it was never clustered."""

    @property
    def key(self) -> str:
        """A UUID of source and image: the same crop has the same key in every gallery."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.source}\0{self.image}"))


@dataclass(frozen=True)
class Entries:
    """Entries with their vectors, row i of which is that of entry i.

    Raises:
        GalleryError: the counts differ, or a row is not finite or not of length 1.
    """

    entries: Sequence[Entry]
    vectors: Float32[np.ndarray, "n d"]

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.entries):
            raise GalleryError(
                f"{len(self.entries)} entries need a matrix of as many vectors, got shape {self.vectors.shape}"
            )
        lengths = np.linalg.norm(self.vectors, axis=1)
        off = np.flatnonzero(~(np.abs(lengths - 1) <= _UNIT_TOLERANCE))  # also true for NaN
        if len(off):
            raise GalleryError(
                f"{len(off)} of {len(lengths)} vectors are not of length 1, the first is that of "
                f"{self.entries[off[0]].image} with length {lengths[off[0]]:.4g}; normalize them"
            )

    def __len__(self) -> int:
        return len(self.entries)


@dataclass(frozen=True)
class Hit:
    """An entry that was found."""

    entry: Entry
    similarity: float
    """Cosine with what was searched for, -1 to 1."""
