"""The k-reciprocal Jaccard distance on sparse rows: the dense algorithm's numbers without its matrices.

Flow: mutual neighbors -> expanded by neighbors that share two thirds -> weights exp(-distance) of sum 1 ->
averaged over the k2 nearest rows -> sum of the smaller weights of two rows, s -> distance 1 - s / (2 - s).

Reference: Zhong et al. 2017, "Re-ranking person re-identification with k-reciprocal encoding", section 3.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32
from pydantic import Field
from scipy.sparse import csc_array, csr_array

from reseen.conditions import AtLeast, When
from reseen.config import Settings
from reseen.neighbors.csr import Allocate, Rows, first_columns, in_memory
from reseen.neighbors.knn import CHUNK_CELLS, farthest
from reseen.records import Features, Neighbors

Progress = Callable[[int], None]
"""Called with the number of rows just done."""

PASSES = 6
"""How often `jaccard_rows` goes through all rows."""

_REPORTS = 40
"""Parts in which a pass is done where somebody waits."""

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

    def conditions(self) -> Mapping[str, When]:
        """No more rows can be averaged than neighbors are known."""
        return {"k2": When(k1=AtLeast(self.k2))} if self.variant == "faiss" else {}

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
    n = len(features)
    start, columns, values = jaccard_rows(features, neighbors, settings, threshold, device)
    return csr_array((values, columns, start), shape=(n, n), dtype=np.float32)


def jaccard_rows(
    features: Features,
    neighbors: Neighbors,
    settings: JaccardSettings,
    threshold: float,
    device: str = "cpu",
    allocate: Allocate = in_memory,
    progress: Progress | None = None,
) -> Rows:
    """The same as start of each row (n + 1, int64), columns (int32) and distances (float32).

    Arrays with several numbers per row come from `allocate`; in memory stand besides them some 50 bytes per row and
    12 per row and thread. `progress` is called with rows done, `PASSES` times the number of rows in all.

    Raises:
        ValueError: as `jaccard_distance`.
    """
    if not 0 <= threshold < 1:
        raise ValueError(
            f"a Jaccard threshold lies from 0 to below 1 (all pairs are within 1), got {threshold}"
        )
    if len(features) == 0:
        return np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)
    scale = row_scales(features, settings, device)
    weights = reciprocal_weights(features, neighbors, settings, scale, allocate, progress)
    return _overlaps(
        averaged(weights, neighbors, settings.k2, allocate, progress), threshold, allocate, progress
    )


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
    features: Features,
    neighbors: Neighbors,
    settings: JaccardSettings,
    scale: Float32[np.ndarray, " n"],
    allocate: Allocate = in_memory,
    progress: Progress | None = None,
) -> Rows:
    """Each row's expanded reciprocal set with weights of sum 1, one row or more wanted.

    Raises:
        ValueError: there are too few neighbors.
    """
    _check(features, neighbors, settings)
    from reseen.neighbors import jaccard_kernels as kernels

    width = settings.k1 if settings.variant == "faiss" else settings.k1 + 1
    half_width = min(round(settings.k1 / 2) + 1, width)  # round half to even, as NumPy's around does
    ranks = first_columns(neighbors.indices, width, np.int32, allocate)
    half_ranks = first_columns(ranks, half_width, np.int32, allocate)
    distances = first_columns(neighbors.distances, width, np.float32, allocate)
    near, half_near = allocate(ranks.shape, np.bool_), allocate(half_ranks.shape, np.bool_)
    kernels.in_ranges(kernels.mutual, len(ranks), ranks, near)
    kernels.in_ranges(kernels.mutual, len(ranks), half_ranks, half_near)
    inputs = ranks, near, half_ranks, half_near, distances, features.numpy, scale
    return _counted_then_filled(kernels.expand, len(features), inputs, allocate, progress)


def averaged(
    weights: Rows,
    neighbors: Neighbors,
    k2: int,
    allocate: Allocate = in_memory,
    progress: Progress | None = None,
) -> Rows:
    """Replace each row by the mean over its k2 nearest rows, itself included; columns ascend afterwards."""
    from reseen.neighbors.row_kernels import mean_rows

    nearby = first_columns(neighbors.indices, k2, np.int32, allocate)
    inputs = nearby, weights, np.float32(1 / nearby.shape[1])
    return _counted_then_filled(mean_rows, len(nearby), inputs, allocate, progress)


def _overlaps(weights: Rows, threshold: float, allocate: Allocate, progress: Progress | None) -> Rows:
    """Jaccard distances of all pairs of rows that share a column, up to the threshold."""
    from reseen.neighbors import jaccard_kernels as kernels
    from reseen.neighbors.row_kernels import sort_rows

    n = len(weights[0]) - 1
    inputs = weights, by_column(weights, allocate), np.float32(threshold)
    result = _counted_then_filled(kernels.overlap, n, inputs, allocate, progress)
    kernels.in_ranges(sort_rows, n, result)
    return result


def by_column(rows: Rows, allocate: Allocate = in_memory) -> Rows:
    """The same entries of a square matrix column by column, rows ascending."""
    from reseen.neighbors.jaccard_kernels import in_ranges
    from reseen.neighbors.row_kernels import count_columns, transpose

    n = len(rows[0]) - 1
    lengths = np.zeros(n, np.int64)
    in_ranges(count_columns, n, rows[1], lengths)
    output = _room_for(lengths, allocate)
    in_ranges(transpose, n, rows, output[0][:-1].copy(), output)
    return output


def parts(matrix: csr_array | csc_array) -> Rows:
    """Start, column and value arrays in the one set of types that the kernels are compiled for."""
    start, index = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32, copy=False)
    return start, index, matrix.data.astype(np.float32, copy=False)


def _counted_then_filled(
    kernel: Callable[..., None],
    rows: int,
    inputs: tuple[Any, ...],
    allocate: Allocate,
    progress: Progress | None,
) -> Rows:
    """Sparse rows from a kernel that counts where it is given no output."""
    lengths = np.zeros(rows, np.int64)
    _in_turn(kernel, rows, (*inputs, _no_rows(), lengths), progress)
    output = _room_for(lengths, allocate)
    _in_turn(kernel, rows, (*inputs, output, lengths), progress)
    return output


def _in_turn(
    kernel: Callable[..., None], rows: int, inputs: tuple[Any, ...], progress: Progress | None
) -> None:
    """All rows at once, or in parts where somebody waits."""
    from reseen.neighbors.jaccard_kernels import in_ranges

    at_once = rows if progress is None else max(1, -(-rows // _REPORTS))
    for first in range(0, rows, max(at_once, 1)):
        last = min(first + at_once, rows)
        in_ranges(kernel, last, *inputs, first=first)
        if progress is not None:
            progress(last - first)


def _no_rows() -> Rows:
    """What tells a kernel to count only."""
    return np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.float32)


def _room_for(lengths: np.ndarray, allocate: Allocate) -> Rows:
    """Room for sparse rows of these lengths."""
    start = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    entries = (int(start[-1]),)
    return start, allocate(entries, np.int32), allocate(entries, np.float32)
