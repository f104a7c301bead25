r"""Whitening within clusters: a linear map of embeddings under which crops of a cluster vary less; it needs no labels.

Directions in which crops of one cluster differ say little about who is shown. With the covariance $W$ of unit vectors
around the means of their clusters, and $W' = (1 - s) W + s\,\mathrm{tr}(W) / d \cdot I$, embeddings are multiplied by
$W'^{-p/2}$: with $p = 1$ all directions vary alike within clusters; with $p = 1/2$, half of the way, wrong clusters and
the noise of small directions do less harm. Power and shrinkage were chosen on people in no pool
(`benchmarks/whitening.py`).

Reference: Hatch et al., "Within-class covariance normalization for SVM-based speaker recognition", Interspeech 2006,
with pseudo-labels for classes, and a power of the inverse.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int64
from scipy.sparse import csr_array
from torch import Tensor, nn

from reseen.records import NOISE, UNKNOWN_CAMERA

Values = Callable[[Int64[np.ndarray, " b"]], Float[np.ndarray, "b d"]]
"""From rows to their vectors."""

POWER = 0.5
"""Power of the inverse covariance within clusters, 0 (nothing) to 1 (whitened)."""
SHRINKAGE = 0.3
"""Weight of the isotropic part of the covariance, 0 to 1."""

_BLOCK = 8192
"""Rows of float64 at a time."""


class Whitening(nn.Module):
    """The map `(vector - mean) @ matrix` of unit vectors (b, d); its output is not normalized.

    Args:
        mean: mean of the vectors that it was fitted to, (d,).
        matrix: symmetric matrix (d, d).
    """

    def __init__(self, mean: Float[Tensor, " d"], matrix: Float[Tensor, "d d"]) -> None:
        super().__init__()
        self.mean: Tensor
        self.matrix: Tensor
        self.register_buffer("mean", mean.float())
        self.register_buffer("matrix", matrix.float())

    def forward(self, vectors: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """The mapped vectors, float32."""
        return (vectors.float() - self.mean) @ self.matrix


def fit_whitening(
    vectors: Float32[np.ndarray, "n d"],
    labels: Int64[np.ndarray, " n"],
    cameras: Int64[np.ndarray, " n"] | None = None,
    power: float = POWER,
    shrinkage: float = SHRINKAGE,
) -> Whitening | None:
    """The whitening of unit vectors by their clusters; None if no cluster varies.

    Args:
        vectors: unit vectors of n crops.
        labels: cluster of each crop; -1 for outliers, which count for the mean alone.
        cameras: camera of each crop, whose mean vector is subtracted before; -1 where unknown; None without cameras.
        power: power of the inverse covariance, 0 to 1.
        shrinkage: weight of the isotropic part of the covariance, 0 to 1.

    Example:
        >>> encoder.whitening = fit_whitening(extract(encoder, crops, device).numpy, labels, crops.cameras)
    """
    everyone = np.arange(len(vectors))
    mean = _GroupMeans.of(np.zeros(len(vectors), dtype=np.int64), everyone, lambda rows: vectors[rows]).means[
        0
    ]
    places = np.full(len(vectors), UNKNOWN_CAMERA) if cameras is None else cameras
    of_camera = _GroupMeans.of(places, everyone, lambda rows: vectors[rows])
    of_camera.means[of_camera.groups == UNKNOWN_CAMERA] = mean
    clustered = np.flatnonzero(labels != NOISE)

    def camera_free(rows: Int64[np.ndarray, " b"]) -> Float64[np.ndarray, "b d"]:
        return vectors[rows] - of_camera.at(places[rows])

    of_cluster = _GroupMeans.of(labels, clustered, camera_free)
    covariance = np.zeros((vectors.shape[1],) * 2)
    for rows in _blocks(clustered):
        rest = camera_free(rows) - of_cluster.at(labels[rows])
        covariance += rest.T @ rest
    degrees = len(clustered) - len(of_cluster.groups)
    covariance /= max(degrees, 1)
    variance = np.trace(covariance) / len(covariance)
    if degrees < 1 or variance <= np.finfo(np.float32).eps ** 2:
        return None
    shrunk = (1 - shrinkage) * covariance / variance + shrinkage * np.eye(len(covariance))
    values, directions = np.linalg.eigh(shrunk)
    matrix = (directions * np.maximum(values, np.finfo(np.float32).eps) ** (-power / 2)) @ directions.T
    return Whitening(torch.from_numpy(mean), torch.from_numpy(matrix))


@dataclass(frozen=True)
class _GroupMeans:
    """Mean vectors of groups of rows, such as cameras."""

    groups: Int64[np.ndarray, " g"]
    means: Float64[np.ndarray, "g d"]

    @classmethod
    def of(cls, groups: Int64[np.ndarray, " n"], rows: Int64[np.ndarray, " m"], values: Values) -> Self:
        """The means of `values(rows)` by the groups of these rows, computed in blocks."""
        numbers, counts = np.unique(groups[rows], return_counts=True)
        sums = 0.0
        for block in _blocks(rows):
            place = np.searchsorted(numbers, groups[block])
            shape = len(numbers), len(block)
            sums += csr_array((np.ones(len(block)), (place, np.arange(len(block)))), shape) @ values(block)
        return cls(numbers, sums / counts[:, None])

    def at(self, groups: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, "n d"]:
        """The mean of each row's group."""
        return self.means[np.searchsorted(self.groups, groups)]


def _blocks(rows: Int64[np.ndarray, " n"]) -> list[Int64[np.ndarray, " b"]]:
    return np.array_split(rows, len(rows) // _BLOCK + 1)
