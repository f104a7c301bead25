"""The k-reciprocal Jaccard distance on sparse rows: the same values as the dense algorithm without n x n matrices.

Flow: mutual neighbors -> expanded by candidates that share two thirds of their neighbors -> weights exp(-distance) with
sum 1 -> averaged over the k2 nearest rows -> sum s of the element-wise minimum of two rows -> distance 1 - s / (2 - s).

Reference: Zhong et al., "Re-ranking person re-identification with k-reciprocal encoding", CVPR 2017, section 3.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float32
from pydantic import Field, field_validator
from scipy.sparse import csc_array, csr_array

from reseen.conditions import AtLeast, When
from reseen.config import Settings
from reseen.geometry import FeatureRows, as_features
from reseen.neighbors.csr import Allocate, Rows, first_columns, in_memory
from reseen.neighbors.knn import CHUNK_CELLS, farthest
from reseen.records import Features, Neighbors

Progress = Callable[[int], None]
"""Called with the number of rows just processed."""

PASSES = 6
"""Number of passes of `jaccard_rows` over all rows."""

_REPORTS = 40
"""Number of progress reports per pass."""

_ROUNDING = np.float32(1e-5)
"""A squared distance of float32 unit rows below this is rounding error: duplicates have no scale."""


AUTO_K1: tuple[int, ...] = (6, 10, 15, 20, 30)
"""Candidates for k1 `auto`."""
AUTO_K2: tuple[int, ...] = (2, 3, 4, 6, 6)
"""The k2 of each of them."""


class JaccardSettings(Settings):
    """Settings of the k-reciprocal Jaccard distance."""

    k1: Annotated[int, Field(ge=1)] | Literal["auto"] = 30
    """Neighbors checked for reciprocity; more joins more views of a person, but also more people. `auto` selects it
    from the features in each round."""

    k2: Annotated[int, Field(ge=1)] | Literal["auto"] = 6
    """Nearest rows, including the row itself, for local query expansion; 1 disables it. `auto` follows k1."""

    variant: Literal["zhong", "faiss"] = "faiss"
    """`zhong`: the row and k1 neighbors, squared distance divided by the largest of the row (one more matrix
    product). `faiss`, as in SpCL and cluster-contrast: the row and k1 - 1 neighbors, squared distance."""

    @field_validator("k1", "k2", mode="plain")
    @classmethod
    def _count_or_auto(cls, value: Any) -> int | Literal["auto"]:
        if value == "auto":
            return "auto"
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError("expected a whole number of 1 or more, such as 20, or auto")
        return value

    def conditions(self) -> Mapping[str, When]:
        """For `faiss`, k2 above k1 has no effect: only k1 neighbors are known."""
        if self.variant != "faiss" or self.k1 == "auto" or self.k2 == "auto":
            return {}
        return {"k2": When(k1=AtLeast(self.k2))}

    @property
    def columns(self) -> int:
        """Number of columns of `Neighbors` that are needed, including the row itself."""
        k1 = AUTO_K1[-1] if self.k1 == "auto" else self.k1
        k2 = AUTO_K2[-1] if self.k2 == "auto" else self.k2
        return k1 if self.variant == "faiss" else max(k1 + 1, k2)

    @property
    def numbers(self) -> tuple[int, int]:
        """k1 and k2.

        Raises:
            ValueError: one of them is `auto`.
        """
        if self.k1 == "auto" or self.k2 == "auto":
            raise ValueError(f"k1 {self.k1} and k2 {self.k2}: choose numbers with choose_settings first")
        return self.k1, self.k2


def jaccard_distance(
    features: FeatureRows,
    neighbors: Neighbors,
    settings: JaccardSettings | None = None,
    threshold: float = 0.6,
    device: str = "cpu",
) -> csr_array:
    """Sparse (n, n) matrix of the Jaccard distances up to `threshold`, float32, 0 to 1; lower is nearer.

    The diagonal is an explicit 0, the matrix is exactly symmetric, columns are sorted, and a missing entry means a
    distance above `threshold`. `neighbors` are those of `features`; columns beyond `settings.columns` are ignored.
    `device` is only used by the variant `zhong`. Settings are the defaults when None.

    Raises:
        ValueError: the threshold is below 0 or not below 1, or there are too few neighbors.

    Example:
        settings = JaccardSettings(k1=30)
        distances = jaccard_distance(features, nearest(features, settings.columns), settings, threshold=0.6)
    """
    features = as_features(features)
    settings = settings or JaccardSettings()
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
    """As `jaccard_distance`, but as `Rows`: start of each row (n + 1, int64), columns (int32) and distances (float32).

    Arrays with several values per row come from `allocate`; beyond these about 50 bytes per row and 12 bytes per row
    and thread are held in memory. `progress` is called with the rows just processed, in total `PASSES` times n.

    Raises:
        ValueError: as in `jaccard_distance`.
    """
    if not 0 <= threshold < 1:
        raise ValueError(
            f"a Jaccard threshold must be at least 0 and below 1 (all pairs are within 1), got {threshold}"
        )
    if len(features) == 0:
        return np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)
    scale = row_scales(features, settings, device)
    weights = reciprocal_weights(features, neighbors, settings, scale, allocate, progress)
    return _overlaps(
        average_over_neighbors(weights, neighbors, settings.numbers[1], allocate, progress),
        threshold,
        allocate,
        progress,
    )


def row_scales(
    features: Features, settings: JaccardSettings, device: str = "cpu", chunk_cells: int = CHUNK_CELLS
) -> Float32[np.ndarray, " n"]:
    """Factor of each row's squared distances: for `zhong` the reciprocal of the largest, for `faiss` 1."""
    if settings.variant == "faiss" or not len(features):
        return np.ones(len(features), np.float32)
    reach = farthest(features, device, chunk_cells)
    return np.float32(1) / np.where(reach > _ROUNDING, reach, np.float32(1))


def _check(features: Features, neighbors: Neighbors, settings: JaccardSettings) -> None:
    if len(features) != len(neighbors):
        raise ValueError(f"{len(features)} feature rows but {len(neighbors)} rows of neighbors")
    columns, needed = neighbors.indices.shape[1], min(settings.columns, len(features))
    if columns < needed:
        raise ValueError(
            f"k1 {settings.k1}, k2 {settings.k2}, variant {settings.variant} need {needed} neighbors per row "
            f"(including itself), got {columns}; search with k = settings.columns"
        )


def reciprocal_weights(
    features: Features,
    neighbors: Neighbors,
    settings: JaccardSettings,
    scale: Float32[np.ndarray, " n"],
    allocate: Allocate = in_memory,
    progress: Progress | None = None,
) -> Rows:
    """The k-reciprocal encoding of each row: its expanded reciprocal set, with weights of sum 1.

    At least one row is needed. `scale` are the `row_scales`.

    Raises:
        ValueError: there are too few neighbors.
    """
    _check(features, neighbors, settings)
    from reseen.neighbors import jaccard_kernels as kernels

    k1, _ = settings.numbers
    width = k1 if settings.variant == "faiss" else k1 + 1
    half_width = min(round(k1 / 2) + 1, width)  # round half to even, as NumPy's around does
    ranks = first_columns(neighbors.indices, width, np.int32, allocate)
    half_ranks = first_columns(ranks, half_width, np.int32, allocate)
    distances = first_columns(neighbors.distances, width, np.float32, allocate)
    near, half_near = allocate(ranks.shape, np.bool_), allocate(half_ranks.shape, np.bool_)
    kernels.in_ranges(kernels.mutual, len(ranks), ranks, near)
    kernels.in_ranges(kernels.mutual, len(ranks), half_ranks, half_near)
    inputs = ranks, near, half_ranks, half_near, distances, features.numpy, scale
    return _counted_then_filled(kernels.expand, len(features), inputs, allocate, progress)


def average_over_neighbors(
    weights: Rows,
    neighbors: Neighbors,
    k2: int,
    allocate: Allocate = in_memory,
    progress: Progress | None = None,
) -> Rows:
    """Local query expansion: each row as the mean over its k2 nearest rows, including itself; columns are sorted."""
    from reseen.neighbors.row_kernels import mean_rows

    nearby = first_columns(neighbors.indices, k2, np.int32, allocate)
    inputs = nearby, weights, np.float32(1 / nearby.shape[1])
    return _counted_then_filled(mean_rows, len(nearby), inputs, allocate, progress)


def _overlaps(weights: Rows, threshold: float, allocate: Allocate, progress: Progress | None) -> Rows:
    """Jaccard distances up to the threshold of all pairs of rows that share a column."""
    from reseen.neighbors import jaccard_kernels as kernels
    from reseen.neighbors.row_kernels import sort_rows

    n = len(weights[0]) - 1
    inputs = weights, to_csc(weights, allocate), np.float32(threshold)
    result = _counted_then_filled(kernels.overlap, n, inputs, allocate, progress)
    kernels.in_ranges(sort_rows, n, result)
    return result


def to_csc(rows: Rows, allocate: Allocate = in_memory) -> Rows:
    """The entries of a square matrix by column (CSC), with sorted rows."""
    from reseen.neighbors.jaccard_kernels import in_ranges
    from reseen.neighbors.row_kernels import count_columns, transpose

    n = len(rows[0]) - 1
    lengths = np.zeros(n, np.int64)
    in_ranges(count_columns, n, rows[1], lengths)
    output = _empty_rows(lengths, allocate)
    in_ranges(transpose, n, rows, output[0][:-1].copy(), output)
    return output


def csr_arrays(matrix: csr_array | csc_array) -> Rows:
    """Start, column and value arrays of a SciPy matrix, in the dtypes that the kernels are compiled for."""
    start, index = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32, copy=False)
    return start, index, matrix.data.astype(np.float32, copy=False)


def _counted_then_filled(
    kernel: Callable[..., None],
    rows: int,
    inputs: tuple[Any, ...],
    allocate: Allocate,
    progress: Progress | None,
) -> Rows:
    """Sparse rows from a kernel that is run twice: first with an empty output, to count entries, then to fill them."""
    lengths = np.zeros(rows, np.int64)
    _run(kernel, rows, (*inputs, _no_output(), lengths), progress)
    output = _empty_rows(lengths, allocate)
    _run(kernel, rows, (*inputs, output, lengths), progress)
    return output


def _run(kernel: Callable[..., None], rows: int, inputs: tuple[Any, ...], progress: Progress | None) -> None:
    """Run a kernel over all rows at once, or in parts if there is progress to report."""
    from reseen.neighbors.jaccard_kernels import in_ranges

    at_once = rows if progress is None else max(1, -(-rows // _REPORTS))
    for first in range(0, rows, max(at_once, 1)):
        last = min(first + at_once, rows)
        in_ranges(kernel, last, *inputs, first=first)
        if progress is not None:
            progress(last - first)


def _no_output() -> Rows:
    """The empty output that makes a kernel count only."""
    return np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.float32)


def _empty_rows(lengths: np.ndarray, allocate: Allocate) -> Rows:
    """Allocated sparse rows with these numbers of entries."""
    start = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    entries = (int(start[-1]),)
    return start, allocate(entries, np.int32), allocate(entries, np.float32)
