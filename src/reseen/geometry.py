"""Unit vectors, and distances."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from reseen.errors import DataError
from reseen.records import Features, as_array

FeatureRows = Features | np.ndarray | Tensor | Sequence[Sequence[float]]
"""What functions on features take: `Features`, or a matrix (n, d) as an array, a tensor on any device, or lists."""

_SMALLEST_LENGTH = 1e-12


def unit(vectors: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
    """Scale rows to length 1; a row of zeros stays zero."""
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(_SMALLEST_LENGTH)


def as_features(rows: FeatureRows, raw: bool = False) -> Features:
    """Features from a matrix (n, d), scaled to unit rows unless `raw`; `Features` are returned as they are.

    Raises:
        DataError: the values are no matrix of numbers, a row is not finite, or, unless `raw`, is zero.

    Example:
        >>> as_features([[3.0, 4.0]]).vectors
        tensor([[0.6000, 0.8000]])
    """
    if isinstance(rows, Features):
        return rows
    try:
        array = as_array(rows)
    except ValueError as error:  # lists of different lengths
        raise DataError(f"features must be a matrix (n, d) of numbers ({error})") from None
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise DataError(
            f"features must be a matrix (n, d) of numbers, found shape {array.shape} of type {array.dtype}"
        )
    vectors = torch.from_numpy(np.array(array, dtype=np.float64))
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise DataError(f"{len(bad):,} feature rows are not finite, the first is row {bad[0]}; remove them")
    if raw:
        return Features(vectors.float(), raw=True)
    zero = np.flatnonzero(~array.any(axis=1))
    if len(zero):
        raise DataError(
            f"{len(zero):,} feature rows are zero and have no direction, the first is row {zero[0]}; remove them"
        )
    return Features(unit(vectors / vectors.abs().amax(dim=1, keepdim=True)).float())


def squared_euclidean(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    r"""Squared Euclidean distance of rows, $|a|^2 + |b|^2 - 2 a \cdot b$, lower is nearer; 0 to 4 on unit rows."""
    return (a.square().sum(1)[:, None] + b.square().sum(1)[None, :] - 2 * (a @ b.T)).clamp_min(0)


def mean_direction(vectors: Float[Tensor, "n d"]) -> Float[Tensor, " d"]:
    """The unit vector along the sum of the rows; zero when they cancel."""
    return unit(torch.sum(vectors, dim=0))
