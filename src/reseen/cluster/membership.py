"""How well each image sits in its cluster, and how spread the clusters are."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

from reseen.neighbors.csr import Allocate, in_memory
from reseen.records import NOISE, Features, Neighbors, PseudoLabels

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
        found = np.isfinite(value)
        other[part][found], other_similarity[part][found] = nearest[found], value[found]
        progress(len(nearest))
    return Membership(own, other, other_similarity, errors)


def measure_among_neighbors(
    features: Features,
    labels: PseudoLabels,
    neighbors: Neighbors,
    allocate: Allocate = in_memory,
    room: int = 1 << 28,
    progress: Callable[[int], None] = lambda _: None,
) -> Membership:
    """The same where clusters are too many to compare every image with all: others are those of its neighbors.

    An image none of whose `neighbors` is in another cluster has no other. Matrices with a row for every cluster come
    from `allocate`; blocks take `room` bytes at most, or those of 64 images.
    """
    rows, found = features.numpy, labels.labels
    sums, errors = _sums(rows, labels, allocate)
    directions = allocate(sums.shape, np.float32)
    for begin in range(0, len(sums), _ROWS_AT_ONCE):
        part = sums[begin : begin + _ROWS_AT_ONCE]
        directions[begin : begin + _ROWS_AT_ONCE] = _directions(part)
    own, other_similarity = np.full((2, len(rows)), np.nan, np.float32)
    other = np.full(len(rows), NOISE)
    at_once = max(64, room // (4 * (rows.shape[1] + 4) * (neighbors.indices.shape[1] + 2)))
    for begin in range(0, len(rows) if len(sums) else 0, at_once):
        part = slice(begin, begin + at_once)
        member = begin + np.flatnonzero(found[part] != NOISE)
        own[member] = np.einsum("nd,nd->n", rows[member], directions[found[member]])
        theirs = found[neighbors.indices[part, 1:]]
        similarity = np.einsum("nd,nkd->nk", rows[part], directions[np.maximum(theirs, 0)])
        similarity[(theirs == NOISE) | (theirs == found[part, None])] = -np.inf
        if similarity.shape[1]:
            nearest = similarity.argmax(axis=1)[:, None]
            value = np.take_along_axis(similarity, nearest, axis=1)[:, 0]
            there = np.isfinite(value)
            other[part][there] = np.take_along_axis(theirs, nearest, axis=1)[there, 0]
            other_similarity[part][there] = value[there]
        progress(len(theirs))
    return Membership(own, other, other_similarity, errors)


def _directions(sums: Float64[np.ndarray, "c d"]) -> Float32[np.ndarray, "c d"]:
    return (sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def _sums(
    rows: Float32[np.ndarray, "n d"], labels: PseudoLabels, allocate: Allocate = in_memory
) -> tuple[Float64[np.ndarray, "c d"], Float64[np.ndarray, " c"]]:
    """Sum and sum of squares around the mean of every cluster."""
    sums = allocate((labels.cluster_count, rows.shape[1]), np.float64)
    squares = np.zeros(labels.cluster_count)
    order = np.argsort(labels.labels, kind="stable")[int((labels.labels == NOISE).sum()) :]
    for begin in range(0, len(order), _ROWS_AT_ONCE):
        places = order[begin : begin + _ROWS_AT_ONCE]
        numbers, starts = np.unique(labels.labels[places], return_index=True)
        part = rows[places]
        sums[numbers] += np.add.reduceat(part, starts, axis=0, dtype=np.float64)
        squares[numbers] += np.add.reduceat(np.einsum("nd,nd->n", part, part, dtype=np.float64), starts)
    lengths = np.zeros(len(sums))
    for begin in range(0, len(sums), _ROWS_AT_ONCE):
        some = sums[begin : begin + _ROWS_AT_ONCE]
        lengths[begin : begin + _ROWS_AT_ONCE] = np.einsum("cd,cd->c", some, some)
    errors = np.maximum(squares - lengths / np.maximum(labels.sizes, 1), 0)
    return sums, np.where(labels.sizes > 1, errors, 0.0)
