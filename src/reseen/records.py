"""The nouns that travel along the flow; each checks itself when it is made, so that functions may trust it.

Axis letters, everywhere in the package: `n` images, `b` batch, `v` views, `d` embedding, `c` clusters,
`k` neighbors, `p` patches, `e` patch embedding, `q` queries, `g` gallery, `h w` pixels, `y x` map cells.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, Int64
from torch import Tensor

NOISE = -1
"""The pseudo label of an image that belongs to no cluster."""

UNKNOWN_CAMERA = -1
"""The camera index of an image whose camera nobody knows."""

_UNIT_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Features:
    """Unit rows, one per row of an `ImageTable`, on the CPU in float32; `raw` rows have lengths of their own.

    Raises:
        ValueError: a row is not finite or, unless `raw`, its length differs from 1 by more than 0.001.
    """

    vectors: Float32[Tensor, "n d"]
    raw: bool = False

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2:
            raise ValueError(f"Features need a matrix (n, d), got shape {tuple(self.vectors.shape)}")
        lengths = self.vectors.norm(dim=1)
        if self.raw:
            if not bool(torch.isfinite(lengths).all()):
                row = int((~torch.isfinite(lengths)).nonzero()[0])
                raise ValueError(f"raw feature rows must be finite; row {row} is not")
            return
        off = ~((lengths - 1).abs() <= _UNIT_TOLERANCE)  # also true for NaN
        if bool(off.any()):
            row = int(off.nonzero()[0])
            raise ValueError(
                f"{int(off.sum())} of {len(lengths)} feature rows are not unit vectors; "
                f"the first is row {row} with length {float(lengths[row]):.4g}"
            )

    def __len__(self) -> int:
        return self.vectors.shape[0]

    @cached_property
    def numpy(self) -> Float32[np.ndarray, "n d"]:
        """The same memory as a C-contiguous NumPy array."""
        return np.ascontiguousarray(self.vectors.numpy())


@dataclass(frozen=True)
class Neighbors:
    """The k nearest rows of every row, nearest first, the row itself included (it is at distance 0).

    `indices`: row numbers, 32 bits wide where they lie on disk. `distances`: squared Euclidean distances on the unit
    sphere, 0 to 4.
    """

    indices: Int[np.ndarray, "n k"]
    distances: Float32[np.ndarray, "n k"]

    def __post_init__(self) -> None:
        if self.indices.shape != self.distances.shape or self.indices.ndim != 2:
            raise ValueError(
                f"Neighbors need two (n, k) arrays, got {self.indices.shape} and {self.distances.shape}"
            )

    def __len__(self) -> int:
        return self.indices.shape[0]


@dataclass(frozen=True)
class PseudoLabels:
    """A cluster number per image: contiguous from 0, with `NOISE` (-1) for images in no cluster.

    Raises:
        ValueError: a label is below -1 or a cluster number between 0 and the largest has no member.
    """

    labels: Int64[np.ndarray, " n"]

    def __post_init__(self) -> None:
        if self.labels.ndim != 1:
            raise ValueError(f"PseudoLabels need one axis, got shape {self.labels.shape}")
        if self.labels.size and int(self.labels.min()) < NOISE:
            raise ValueError(f"pseudo labels start at {NOISE}, got {int(self.labels.min())}")
        if self.labels.size and int(self.labels.max()) >= self.labels.size:  # before anything is counted
            raise ValueError(
                f"pseudo labels must be contiguous from 0; {self.labels.size} images cannot have a cluster "
                f"{int(self.labels.max())}"
            )
        if bool((self.sizes == 0).any()):
            gap = int(np.flatnonzero(self.sizes == 0)[0])
            raise ValueError(f"pseudo labels must be contiguous from 0; cluster {gap} has no member")

    def __len__(self) -> int:
        return self.labels.shape[0]

    @cached_property
    def sizes(self) -> Int64[np.ndarray, " c"]:
        """Images in each cluster."""
        return np.bincount(self.labels[self.labels >= 0]).astype(np.int64)

    @property
    def cluster_count(self) -> int:
        """Clusters, noise not counted."""
        return len(self.sizes)

    @property
    def noise_share(self) -> float:
        """Share of images in no cluster, 0 to 1."""
        return float((self.labels == NOISE).mean()) if len(self) else 0.0


@dataclass(frozen=True)
class Batch:
    """One training step's images on the training device.

    `images`: normalized floats; where processes share the batch, this one's part, of `a` images. `rows`: row numbers in
    the training table. `labels`: cluster numbers, never noise. `cameras`: camera indices, `UNKNOWN_CAMERA` where
    unknown.
    """

    images: Float[Tensor, "a 3 h w"]
    rows: Int64[Tensor, " b"]
    labels: Int64[Tensor, " b"]
    cameras: Int64[Tensor, " b"]

    def __len__(self) -> int:
        return self.rows.shape[0]


def contiguous(labels: Int64[np.ndarray, " n"]) -> PseudoLabels:
    """Renumber arbitrary cluster numbers to 0, 1, ... in order of first appearance; negatives become noise."""
    result = np.full(labels.shape, NOISE, dtype=np.int64)
    kept = labels >= 0
    if bool(kept.any()):
        _, first, inverse = np.unique(labels[kept], return_index=True, return_inverse=True)
        order = np.empty(len(first), dtype=np.int64)
        order[np.argsort(first)] = np.arange(len(first))
        result[kept] = order[inverse.reshape(-1)]
    return PseudoLabels(result)


def to_index_tensor(values: np.ndarray) -> Int64[Tensor, " n"]:
    """An int64 tensor of row numbers, labels or cameras."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.int64))
