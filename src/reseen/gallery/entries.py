"""Entries of a gallery: a crop's path, metadata and embedding."""

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
    """Metadata of one crop in a gallery, without its vector."""

    source: str
    """Absolute path of the folder that `image` is relative to."""
    image: str
    """Path below `source`, with forward slashes; `shard.tar::member` for a crop in a shard."""
    thumbnail: bytes = b""
    """A small JPEG; empty if the gallery has no thumbnails."""
    camera: str | None = None
    """Camera name; None if unknown."""
    time: float | None = None
    """Seconds: Unix time if times are absolute, else since an origin of the data set; None if unknown."""
    tracklet: int | None = None
    """Tracklet number within its source; None if unknown."""
    cluster: int | None = None
    """Cluster number, -1 for noise; None if not clustered."""

    @property
    def key(self) -> str:
        """UUIDv5 of source and image, hence the same in every gallery."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.source}\0{self.image}"))

    @property
    def group(self) -> object:
        """What crops of one tracklet have in common, and no others; a crop without a tracklet is a group of its own."""
        return self.key if self.tracklet is None else (self.source, self.tracklet)


@dataclass(frozen=True)
class Entries:
    """Entries and their unit vectors; row i belongs to entry i.

    Raises:
        GalleryError: the numbers of entries and rows differ, or a row is not finite or not of length 1.
    """

    entries: Sequence[Entry]
    vectors: Float32[np.ndarray, "n d"]

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.entries):
            raise GalleryError(
                f"{len(self.entries)} entries need a matrix of as many vectors, got shape {self.vectors.shape}"
            )
        lengths = np.linalg.norm(self.vectors, axis=1)
        invalid = np.flatnonzero(~(np.abs(lengths - 1) <= _UNIT_TOLERANCE))  # also true for NaN
        if len(invalid):
            raise GalleryError(
                f"{len(invalid)} of {len(lengths)} vectors are not of length 1, first that of "
                f"{self.entries[invalid[0]].image} with length {lengths[invalid[0]]:.4g}; normalize them"
            )

    def __len__(self) -> int:
        return len(self.entries)


@dataclass(frozen=True)
class Hit:
    """An entry found by a search."""

    entry: Entry
    similarity: float
    """Cosine similarity with the query, -1 to 1."""
