r"""Whitening within clusters: a linear map of embeddings under which crops of a cluster vary less; it needs no labels.

Directions in which crops of one cluster differ say little about who is shown. With the covariance $W$ of unit vectors
around the means of their clusters, and $W' = (1 - s) W + s\,\mathrm{tr}(W) / d \cdot I$, embeddings are multiplied by
$W'^{-p/2}$: with $p = 1$ all directions vary alike within clusters; with $p = 1/2$, half of the way, wrong clusters and
the noise of small directions do less harm. Power and shrinkage were chosen on people in no pool
(`benchmarks/whitening.py`).

Reference: Hatch et al., "Within-class covariance normalization for SVM-based speaker recognition", Interspeech 2006,
with pseudo-labels for classes, and a power of the inverse.
"""

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int64
from scipy.sparse import csr_array
from torch import Tensor, nn

from reseen.records import NOISE, UNKNOWN_CAMERA

POWER = 0.5
"""Power of the inverse covariance within clusters, 0 (nothing) to 1 (whitened)."""
SHRINKAGE = 0.3
"""Weight of the isotropic part of the covariance, 0 to 1."""


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
    centered = _less_means(vectors.astype(np.float64), cameras, UNKNOWN_CAMERA)
    clustered = labels != NOISE
    within = _less_means(centered[clustered], labels[clustered])
    degrees = len(within) - len(np.unique(labels[clustered]))
    covariance = within.T @ within / max(degrees, 1)
    variance = np.trace(covariance) / len(covariance)
    if degrees < 1 or variance <= np.finfo(np.float32).eps ** 2:
        return None
    shrunk = (1 - shrinkage) * covariance / variance + shrinkage * np.eye(len(covariance))
    values, directions = np.linalg.eigh(shrunk)
    matrix = (directions * np.maximum(values, np.finfo(np.float32).eps) ** (-power / 2)) @ directions.T
    return Whitening(torch.from_numpy(vectors.mean(axis=0, dtype=np.float64)), torch.from_numpy(matrix))


def _less_means(
    vectors: Float64[np.ndarray, "n d"], groups: Int64[np.ndarray, " n"] | None, unknown: int | None = None
) -> Float64[np.ndarray, "n d"]:
    """Vectors less the mean of their group; rows of the group `unknown`, or all without groups, less that of all."""
    if groups is None:
        return vectors - vectors.mean(axis=0)
    numbers, place = np.unique(groups, return_inverse=True)
    of_group = csr_array((np.ones(len(place)), (place, np.arange(len(place)))), (len(numbers), len(place)))
    means = (of_group @ vectors) / np.bincount(place)[:, None]
    if unknown is not None:
        means[numbers == unknown] = vectors.mean(axis=0)
    return vectors - means[place]
