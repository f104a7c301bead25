"""How well each image sits in its cluster, and how spread the clusters are."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

from reseen.records import NOISE, Features, PseudoLabels

_ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Membership:
    """Similarities are cosines with the mean direction of a cluster, -1 to 1, higher is nearer."""

    similarity: Float32[np.ndarray, " n"]
    """To the image's own cluster, itself counted in; NaN for noise."""
    other: Int64[np.ndarray, " n"]
    """The nearest cluster that is not the image's own; `NOISE` where there is none."""
    other_similarity: Float32[np.ndarray, " n"]
    """To that cluster; NaN where there is none."""
    square_errors: Float64[np.ndarray, " c"]
    """Sum of squares of each cluster around its mean; 0 for one image, never more than its number of images."""

    @property
    def doubtful(self) -> int:
        """Images in a cluster that are nearer to another."""
        return int((self.other_similarity > self.similarity).sum())


def measure_membership(
    features: Features, labels: PseudoLabels, progress: Callable[[int], None] = lambda _: None
) -> Membership:
    """Measure a clustering; `progress` is called with the number of images just done."""
    rows = features.numpy
    sums, errors = _sums(rows, labels)
    directions = (sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    own, other_similarity = np.full((2, len(rows)), np.nan, np.float32)
    other = np.full(len(rows), NOISE)
    for begin in range(0, len(rows) if len(sums) else 0, _ROWS_AT_ONCE):
        part = slice(begin, begin + _ROWS_AT_ONCE)
        similarity = rows[part] @ directions.T
        member = np.flatnonzero(labels.labels[part] != NOISE)
        cells = member, labels.labels[part][member]
        own[part][member] = similarity[cells]
        similarity[cells] = -np.inf
        nearest = similarity.argmax(axis=1)
        value = np.take_along_axis(similarity, nearest[:, None], axis=1)[:, 0]
        found = np.isfinite(value)
        other[part][found], other_similarity[part][found] = nearest[found], value[found]
        progress(len(nearest))
    return Membership(own, other, other_similarity, errors)


def _sums(
    rows: Float32[np.ndarray, "n d"], labels: PseudoLabels
) -> tuple[Float64[np.ndarray, "c d"], Float64[np.ndarray, " c"]]:
    """Sum and sum of squares around the mean of every cluster."""
    if not labels.cluster_count:
        return np.zeros((0, rows.shape[1])), np.zeros(0)
    order = np.argsort(labels.labels, kind="stable")[int((labels.labels == NOISE).sum()) :]
    starts = np.concatenate([[0], np.cumsum(labels.sizes)[:-1]])
    sums = np.add.reduceat(rows[order], starts, axis=0, dtype=np.float64)
    squares = np.add.reduceat(np.einsum("nd,nd->n", rows[order], rows[order], dtype=np.float64), starts)
    errors = np.maximum(squares - np.einsum("cd,cd->c", sums, sums) / labels.sizes, 0)
    return sums, np.where(labels.sizes > 1, errors, 0.0)
