"""Similarity of each image to its own and to the nearest other cluster, and the sum of squares of each cluster."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

from reseen.geometry import FeatureRows, as_features
from reseen.neighbors.csr import Allocate, in_memory
from reseen.records import NOISE, Features, Neighbors, PseudoLabels

_ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Membership:
    """Similarities are cosines with the mean direction of a cluster, -1 to 1; higher is nearer."""

    similarity: Float32[np.ndarray, " n"]
    """Similarity to the image's own cluster, whose mean includes the image; NaN for noise."""
    other: Int64[np.ndarray, " n"]
    """The nearest cluster other than the image's own; `NOISE` if there is none."""
    other_similarity: Float32[np.ndarray, " n"]
    """Similarity to that cluster; NaN if there is none."""
    square_errors: Float64[np.ndarray, " c"]
    """Within-cluster sum of squares (SSE); 0 for a singleton, at most the number of images."""

    @property
    def doubtful(self) -> int:
        """Number of ambiguous images: those in a cluster that are nearer to another one."""
        return int((self.other_similarity > self.similarity).sum())


def measure_membership(
    features: FeatureRows, labels: PseudoLabels, progress: Callable[[int], None] = lambda _: None
) -> Membership:
    """The membership of every image, comparing it with all clusters; `progress` is called with images just done.

    Example:
        membership = measure_membership(features, clustering.labels)
        ambiguous = membership.other_similarity > membership.similarity
    """
    features = as_features(features)
    rows = features.numpy
    sums, errors = _sums(rows, labels)
    directions = _directions(sums)
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
        valid = np.isfinite(value)
        other[part][valid], other_similarity[part][valid] = nearest[valid], value[valid]
        progress(len(nearest))
    return Membership(own, other, other_similarity, errors)


def measure_among_neighbors(
    features: Features,
    labels: PseudoLabels,
    neighbors: Neighbors,
    allocate: Allocate = in_memory,
    memory: int = 1 << 28,
    progress: Callable[[int], None] = lambda _: None,
) -> Membership:
    """As `measure_membership`, for many clusters: every image is compared only with the clusters of its neighbors.

    An image without `neighbors` in another cluster has no `other`. Matrices with one row per cluster come from
    `allocate`; blocks use at most `memory` bytes, or 64 images.
    """
    rows, clusters = features.numpy, labels.labels
    sums, errors = _sums(rows, labels, allocate)
    directions = allocate(sums.shape, np.float32)
    for begin in range(0, len(sums), _ROWS_AT_ONCE):
        part = sums[begin : begin + _ROWS_AT_ONCE]
        directions[begin : begin + _ROWS_AT_ONCE] = _directions(part)
    own, other_similarity = np.full((2, len(rows)), np.nan, np.float32)
    other = np.full(len(rows), NOISE)
    at_once = max(64, memory // (4 * (rows.shape[1] + 4) * (neighbors.indices.shape[1] + 2)))
    for begin in range(0, len(rows) if len(sums) else 0, at_once):
        part = slice(begin, begin + at_once)
        member = begin + np.flatnonzero(clusters[part] != NOISE)
        own[member] = np.einsum("nd,nd->n", rows[member], directions[clusters[member]])
        candidates = clusters[neighbors.indices[part, 1:]]
        similarity = np.einsum("nd,nkd->nk", rows[part], directions[np.maximum(candidates, 0)])
        similarity[(candidates == NOISE) | (candidates == clusters[part, None])] = -np.inf
        if similarity.shape[1]:
            nearest = similarity.argmax(axis=1)[:, None]
            value = np.take_along_axis(similarity, nearest, axis=1)[:, 0]
            valid = np.isfinite(value)
            other[part][valid] = np.take_along_axis(candidates, nearest, axis=1)[valid, 0]
            other_similarity[part][valid] = value[valid]
        progress(len(candidates))
    return Membership(own, other, other_similarity, errors)


def _directions(sums: Float64[np.ndarray, "c d"]) -> Float32[np.ndarray, "c d"]:
    return (sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def _sums(
    rows: Float32[np.ndarray, "n d"], labels: PseudoLabels, allocate: Allocate = in_memory
) -> tuple[Float64[np.ndarray, "c d"], Float64[np.ndarray, " c"]]:
    """Sum of the rows of every cluster, and its sum of squares around the mean."""
    sums = allocate((labels.cluster_count, rows.shape[1]), np.float64)
    squares = np.zeros(labels.cluster_count)
    order = np.argsort(labels.labels, kind="stable")[int((labels.labels == NOISE).sum()) :]
    for begin in range(0, len(order), _ROWS_AT_ONCE):
        indices = order[begin : begin + _ROWS_AT_ONCE]
        numbers, starts = np.unique(labels.labels[indices], return_index=True)
        part = rows[indices]
        sums[numbers] += np.add.reduceat(part, starts, axis=0, dtype=np.float64)
        squares[numbers] += np.add.reduceat(np.einsum("nd,nd->n", part, part, dtype=np.float64), starts)
    lengths = np.zeros(len(sums))
    for begin in range(0, len(sums), _ROWS_AT_ONCE):
        some = sums[begin : begin + _ROWS_AT_ONCE]
        lengths[begin : begin + _ROWS_AT_ONCE] = np.einsum("cd,cd->c", some, some)
    errors = np.maximum(squares - lengths / np.maximum(labels.sizes, 1), 0)
    return sums, np.where(labels.sizes > 1, errors, 0.0)
