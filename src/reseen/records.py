"""The records passed between the stages: features, neighbors, pseudo-labels, batches.

Each record validates itself on construction, so functions that take one need no checks of their own.

Axis letters used throughout the package: `n` images, `b` batch, `v` views, `d` embedding dimensions, `c` clusters,
`k` neighbors, `p` patches, `e` patch embedding dimensions, `q` queries, `g` gallery, `h w` pixels, `y x` cells of a
feature map.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, Int64
from torch import Tensor

NOISE = -1
"""The pseudo-label of outliers: images that belong to no cluster."""

UNKNOWN_CAMERA = -1
"""The camera index of an image whose camera is unknown."""

Outcome = Literal["better", "no different", "worse", "cannot say"]
"""How an encoder compares with another one on the same crops."""

_UNIT_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Features:
    """Embeddings of the rows of an `ImageTable`: a float32 CPU matrix of L2-normalized rows.

    With `raw`, rows are not normalized and only have to be finite.

    Raises:
        ValueError: `vectors` is not a matrix, a row is not finite or, unless `raw`, its L2 norm differs from 1 by more
            than 0.001.

    Example:
        >>> features = Features(torch.nn.functional.normalize(torch.randn(4, 8)))
        >>> len(features)
        4
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
        """The vectors as a C-contiguous NumPy array; shares memory with the tensor where that is contiguous."""
        return np.ascontiguousarray(self.vectors.numpy())


@dataclass(frozen=True)
class Neighbors:
    """The k nearest neighbors of every row, nearest first, including the row itself (at distance 0).

    `indices`: row numbers, int64 in memory and int32 on disk. `distances`: squared Euclidean distances of unit vectors,
    0 to 4.

    Raises:
        ValueError: the two arrays are not matrices of the same shape.
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
    """One cluster index per image, contiguous from 0; `NOISE` (-1) marks outliers.

    Raises:
        ValueError: `labels` is not one-dimensional, a label is below -1, or an index between 0 and the largest is
            unused.

    Example:
        >>> PseudoLabels(np.array([0, 1, 1, -1])).cluster_count
        2
    """

    labels: Int64[np.ndarray, " n"]

    def __post_init__(self) -> None:
        if not isinstance(self.labels, np.ndarray):  # a tensor or a list
            object.__setattr__(self, "labels", as_array(self.labels).astype(np.int64))
        if self.labels.ndim != 1:
            raise ValueError(f"pseudo labels must be one-dimensional, got shape {self.labels.shape}")
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
        """Number of images in each cluster."""
        return np.bincount(self.labels[self.labels >= 0]).astype(np.int64)

    @property
    def cluster_count(self) -> int:
        """Number of clusters, outliers not counted."""
        return len(self.sizes)

    @property
    def outliers_as_singletons(self) -> Int64[np.ndarray, " n"]:
        """Labels in which each outlier is a cluster of its own, for measures that know no outliers."""
        numbers = self.labels.copy()
        outliers = np.flatnonzero(numbers == NOISE)
        numbers[outliers] = self.cluster_count + np.arange(len(outliers))
        return numbers

    @property
    def noise_share(self) -> float:
        """Fraction of images that are outliers, 0 to 1; 0 without images."""
        return float((self.labels == NOISE).mean()) if len(self) else 0.0


@dataclass(frozen=True)
class Batch:
    """The images of one training step, on the training device.

    `images`: normalized pixels; in a distributed run only the `a` images of this process; blank where kept outputs of
    frozen stages replace them (`train.kept_views`). `rows`: row numbers in the training table, of the whole batch, as
    are `labels`: cluster indices, never `NOISE`, and `cameras`: camera indices, `UNKNOWN_CAMERA` where unknown.
    """

    images: Float[Tensor, "a 3 h w"]
    rows: Int64[Tensor, " b"]
    labels: Int64[Tensor, " b"]
    cameras: Int64[Tensor, " b"]

    def __len__(self) -> int:
        return self.rows.shape[0]


def contiguous(labels: Int64[np.ndarray, " n"]) -> PseudoLabels:
    """Relabel arbitrary cluster indices to 0, 1, ... in order of first appearance; negative ones become `NOISE`."""
    result = np.full(labels.shape, NOISE, dtype=np.int64)
    clustered = labels >= 0
    if bool(clustered.any()):
        _, first, inverse = np.unique(labels[clustered], return_index=True, return_inverse=True)
        order = np.empty(len(first), dtype=np.int64)
        order[np.argsort(first)] = np.arange(len(first))
        result[clustered] = order[inverse.reshape(-1)]
    return PseudoLabels(result)


def as_array(values: np.ndarray | Tensor | Sequence[Any]) -> np.ndarray:
    """An array from an array, a tensor on any device, or a list; not a copy where none is needed.

    Tensors of half precision become float32.

    Example:
        >>> as_array(torch.tensor([1, 2], device="cuda"))
        array([1, 2])
    """
    if not isinstance(values, Tensor):
        return np.asarray(values)
    tensor = values.detach().cpu()
    return (tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy()


def to_index_tensor(values: np.ndarray) -> Int64[Tensor, " n"]:
    """Convert an array of row numbers, labels or camera indices to an int64 tensor."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.int64))


@dataclass(frozen=True)
class BatchSlice:
    """The images of a batch that one process augments: consecutive, `span`, of a batch of `batch_size`.

    Random numbers are drawn for the whole batch and those of the slice are used, so that results do not depend on how
    the batch is split over processes.
    """

    batch_size: int
    span: slice

    @classmethod
    def whole(cls, count: int) -> Self:
        """The slice that contains all `count` images of a batch."""
        return cls(count, slice(0, count))

    def after(self, first: int) -> Self:
        """This slice relative to the batch without its `first` images."""
        return type(self)(
            self.batch_size - first, slice(max(self.span.start - first, 0), max(self.span.stop - first, 0))
        )
