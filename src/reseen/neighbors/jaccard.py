"""The k-reciprocal Jaccard distance on sparse rows: the dense algorithm's numbers without its matrices.

Flow: mutual neighbors -> expanded by neighbors that share two thirds -> weights exp(-distance) of sum 1 ->
averaged over the k2 nearest rows -> sum of the smaller weights of two rows, s -> distance 1 - s / (2 - s).

Reference: Zhong et al. 2017, "Re-ranking person re-identification with k-reciprocal encoding", section 3.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float32
from pydantic import Field
from scipy.sparse import csc_array, csr_array

from reseen.config import Settings
from reseen.neighbors.knn import CHUNK_CELLS, farthest
from reseen.records import Features, Neighbors

_ROUNDING = np.float32(1e-5)
"""A squared distance of float32 unit rows below this is taken for 0: copies have no scale."""


class JaccardSettings(Settings):
    """Which neighbors vote, and which published variant of the rule."""

    k1: int = Field(default=30, ge=1)
    """Neighbors whose reciprocity is asked; more joins more views of a person and more people."""

    k2: int = Field(default=6, ge=1)
    """Nearest rows, itself included, over which a row's weights are averaged; 1 switches this off."""

    variant: Literal["zhong", "faiss"] = "faiss"
    """`zhong`: itself and k1 neighbors, squared distance divided by the row's largest (one more matrix
    product). `faiss`, as in SpCL and cluster-contrast: itself and k1 - 1 neighbors, squared distance."""

    @property
    def columns(self) -> int:
        """Columns of `Neighbors` this needs, the row itself counted."""
        return self.k1 if self.variant == "faiss" else max(self.k1 + 1, self.k2)


def jaccard_distance(
    features: Features, neighbors: Neighbors, settings: JaccardSettings, threshold: float, device: str = "cpu"
) -> csr_array:
    """Every pair at Jaccard distance `threshold` or nearer, float32, 0 to 1, columns ascending.

    The diagonal is an explicit 0, the matrix is exactly symmetric, and a missing entry means farther than
    `threshold`. `neighbors` are those of `features`; more columns than `settings.columns` are ignored.
    `device` is only used by the variant `zhong`.

    Raises:
        ValueError: the threshold is not from 0 to below 1, or there are too few neighbors.
    """
    if not 0 <= threshold < 1:
        raise ValueError(
            f"a Jaccard threshold lies from 0 to below 1 (all pairs are within 1), got {threshold}"
        )
    if len(features) == 0:
        return csr_array((0, 0), dtype=np.float32)
    weights = reciprocal_weights(features, neighbors, settings, row_scales(features, settings, device))
    return _overlaps(averaged(weights, neighbors, settings.k2), threshold)


def row_scales(
    features: Features, settings: JaccardSettings, device: str = "cpu", chunk_cells: int = CHUNK_CELLS
) -> Float32[np.ndarray, " n"]:
    """What each row's squared distances are multiplied with: `zhong` divides by the largest, `faiss` by nothing."""
    if settings.variant == "faiss" or not len(features):
        return np.ones(len(features), np.float32)
    reach = farthest(features, device, chunk_cells)
    return np.float32(1) / np.where(reach > _ROUNDING, reach, np.float32(1))


def _check(features: Features, neighbors: Neighbors, settings: JaccardSettings) -> None:
    if len(features) != len(neighbors):
        raise ValueError(f"{len(features)} feature rows but {len(neighbors)} rows of neighbors")
    found, wanted = neighbors.indices.shape[1], min(settings.columns, len(features))
    if found < wanted:
        raise ValueError(
            f"k1 {settings.k1}, k2 {settings.k2}, variant {settings.variant} need {wanted} neighbors a row "
            f"(itself included), got {found}; search with k = settings.columns"
        )


def reciprocal_weights(
    features: Features, neighbors: Neighbors, settings: JaccardSettings, scale: Float32[np.ndarray, " n"]
) -> csr_array:
    """Each row's expanded reciprocal set with weights of sum 1, one row or more wanted.

    Raises:
        ValueError: there are too few neighbors.
    """
    _check(features, neighbors, settings)
    from reseen.neighbors import kernels

    width = settings.k1 if settings.variant == "faiss" else settings.k1 + 1
    half_width = min(round(settings.k1 / 2) + 1, width)  # round half to even, as NumPy's around does
    ranks = _columns(neighbors.indices, width).astype(np.int32)
    half_ranks = _columns(ranks, half_width)
    near, half_near = np.zeros(ranks.shape, np.bool_), np.zeros(half_ranks.shape, np.bool_)
    kernels.in_ranges(kernels.mutual, len(ranks), ranks, near)
    kernels.in_ranges(kernels.mutual, len(ranks), half_ranks, half_near)
    inputs = ranks, near, half_ranks, half_near, _columns(neighbors.distances, width), features.numpy, scale
    n = len(features)
    lengths = np.zeros(n, np.int64)
    kernels.in_ranges(kernels.expand, n, *inputs, _no_rows(), lengths)
    output = start, columns, values = _empty_rows(lengths)
    kernels.in_ranges(kernels.expand, n, *inputs, output, lengths)
    return csr_array((values, columns, start), shape=(n, n))


def averaged(weights: csr_array, neighbors: Neighbors, k2: int) -> csr_array:
    """Replace each row by the mean over its k2 nearest rows, itself included; columns ascend afterwards."""
    nearby = _columns(neighbors.indices, k2)
    n, k2 = nearby.shape
    share = np.full(nearby.size, 1 / k2, np.float32)
    start = np.arange(0, nearby.size + 1, k2, dtype=weights.indptr.dtype)
    mean = csr_array((share, nearby.reshape(-1).astype(np.int32), start), shape=(n, n)) @ weights
    mean.sort_indices()
    return mean


def _overlaps(weights: csr_array, threshold: float) -> csr_array:
    """Jaccard distances of all pairs of rows that share a column, up to the threshold."""
    from reseen.neighbors import kernels

    rows, lists = parts(weights), parts(weights.tocsc())
    n = len(rows[0]) - 1
    lengths = np.zeros(n, np.int64)
    kernels.in_ranges(kernels.overlap, n, rows, lists, np.float32(threshold), _no_rows(), lengths)
    output = start, columns, values = _empty_rows(lengths)
    kernels.in_ranges(kernels.overlap, n, rows, lists, np.float32(threshold), output, lengths)
    result = csr_array((values, columns, start), shape=(n, n))
    result.sort_indices()
    return result


def parts(matrix: csr_array | csc_array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start, column and value arrays in the one set of types that the kernels are compiled for."""
    start, index = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32, copy=False)
    return start, index, matrix.data.astype(np.float32, copy=False)


def _no_rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What tells a kernel to count only."""
    return np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.float32)


def _empty_rows(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Room for sparse rows of these lengths."""
    start = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return start, np.empty(start[-1], np.int32), np.empty(start[-1], np.float32)


def _columns(values: np.ndarray, count: int) -> np.ndarray:
    return np.ascontiguousarray(values[:, :count])
