"""Pairs of crops with known or estimated labels, without identities.

Positives: crops of one tracklet. Negatives: crops of one frame (same camera and time) and different tracklets. Where
either is missing, pairs of nearest neighbors are classified by a mixture of two normal distributions.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from reseen.audit.mixture import Mixture, fit_mixture
from reseen.data.table import UNKNOWN_TRACKLET, ImageTable
from reseen.records import UNKNOWN_CAMERA, Features

NEAREST = 10
"""Neighbors of each crop that form pairs."""

_ANCHORS = 5000
_KNOWN_PAIRS = 20_000
_BLOCK = 512


@dataclass(frozen=True)
class Pairs:
    """Pairs of crops by row, and their cosine similarities."""

    first: Int64[np.ndarray, " m"]
    second: Int64[np.ndarray, " m"]
    similarity: Float64[np.ndarray, " m"]

    def __len__(self) -> int:
        return len(self.first)


def near_pairs(
    features: Features, cameras: Int64[np.ndarray, " n"] | None, generator: np.random.Generator
) -> Pairs:
    """Pairs of up to 5,000 random crops with their ten nearest neighbors, from other cameras if the camera is known."""
    rows, n = features.numpy, len(features)
    anchors = np.sort(generator.permutation(n)[:_ANCHORS])
    parts = []
    for begin in range(0, len(anchors), _BLOCK):
        part = anchors[begin : begin + _BLOCK]
        similarity = rows[part] @ rows.T
        similarity[np.arange(len(part)), part] = -np.inf
        if cameras is not None:
            known = cameras[part] != UNKNOWN_CAMERA
            similarity[known[:, None] & (cameras[part][:, None] == cameras[None, :])] = -np.inf
        near = np.argpartition(-similarity, min(NEAREST, n - 1), axis=1)[:, :NEAREST]
        value = np.take_along_axis(similarity, near, axis=1)
        kept = np.isfinite(value)
        first = np.broadcast_to(part[:, None], near.shape)
        parts.append((first[kept], near[kept], value[kept]))
    first, second, value = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Pairs(first.astype(np.int64), second.astype(np.int64), value.astype(np.float64))


def tracklet_pairs(features: Features, table: ImageTable, generator: np.random.Generator) -> Pairs | None:
    """At most 20,000 random pairs within tracklets, evenly over tracklets; None if there are none."""
    if table.tracklets is None:
        return None
    return _within(features, table.tracklets, table.tracklets != UNKNOWN_TRACKLET, generator)


def same_frame_pairs(features: Features, table: ImageTable, generator: np.random.Generator) -> Pairs | None:
    """Random pairs of crops of one camera and time, of different tracklets if known; None if there are none."""
    if table.times is None:
        return None
    known = (table.cameras != UNKNOWN_CAMERA) & np.isfinite(table.times)
    _, frame = np.unique(
        np.stack([table.cameras.astype(np.float64), table.times]), axis=1, return_inverse=True
    )
    pairs = _within(features, frame.reshape(-1), known, generator)
    if pairs is None or table.tracklets is None:
        return pairs
    tracks = table.tracklets
    apart = (tracks[pairs.first] != tracks[pairs.second]) | (tracks[pairs.first] == UNKNOWN_TRACKLET)
    return _select(pairs, apart)


def random_pairs(features: Features, count: int, generator: np.random.Generator) -> Pairs:
    """`count` random pairs of different rows."""
    first = generator.integers(0, len(features), count)
    second = (first + generator.integers(1, max(len(features), 2), count)) % len(features)
    return _with_similarity(features, first, second)


def pair_mixture(pairs: Pairs) -> Mixture:
    """A mixture of two normal distributions fitted to the similarities.

    Raises:
        DataError: too few pairs, or all similarities are equal.
    """
    return fit_mixture(pairs.similarity)


def _within(
    features: Features, groups: np.ndarray, known: np.ndarray, generator: np.random.Generator
) -> Pairs | None:
    """Random pairs within groups of the `known` rows, evenly over groups; None without a group of two."""
    rows = np.flatnonzero(known)
    rows = rows[np.argsort(groups[rows], kind="stable")]
    if not len(rows):
        return None
    _, starts, sizes = np.unique(groups[rows], return_index=True, return_counts=True)
    starts, sizes = starts[sizes > 1], sizes[sizes > 1]
    if not len(sizes):
        return None
    per_group = max(1, _KNOWN_PAIRS // len(sizes))
    draws = np.minimum(per_group, sizes * (sizes - 1) // 2)
    group = np.repeat(np.arange(len(sizes)), draws)[:_KNOWN_PAIRS]
    first = generator.integers(0, sizes[group])
    second = (first + generator.integers(1, sizes[group])) % sizes[group]
    return _with_similarity(features, rows[starts[group] + first], rows[starts[group] + second])


def _with_similarity(features: Features, first: np.ndarray, second: np.ndarray) -> Pairs:
    rows = features.numpy
    value = np.einsum("md,md->m", rows[first], rows[second], dtype=np.float64)
    return Pairs(first.astype(np.int64), second.astype(np.int64), value)


def _select(pairs: Pairs, kept: np.ndarray) -> Pairs | None:
    return Pairs(pairs.first[kept], pairs.second[kept], pairs.similarity[kept]) if kept.any() else None
