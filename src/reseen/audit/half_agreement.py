"""Whether two halves of the features have the same neighbors: what both see is in the crops, not in one number."""

import numpy as np
from jaxtyping import Float32, Int64

from reseen.records import Features

_SAMPLED = 1000
"""Most crops whose neighbors are looked up."""
_NEIGHBORS = 10
"""Nearest neighbors compared."""
_FEWEST = 4 * _NEIGHBORS
"""Fewest crops for which chance agreement is small enough to be taken off."""


def half_agreement(features: Features) -> float | None:
    """Overlap of the ten nearest neighbors by two disjoint halves of the features, over chance.

    0 where the halves agree no more than random neighbors would, 1 where they have the same; slightly negative by
    chance. None for fewer than 40 crops or 2 dimensions. The halves are the even and the odd dimensions. At most 1,000
    crops are looked at, sampled with a fixed seed.

    Example:
        >>> half_agreement(features)
    """
    vectors = features.numpy
    count, dimension = vectors.shape
    if count < _FEWEST or dimension < 2:
        return None
    rows = np.sort(np.random.default_rng(0).permutation(count)[:_SAMPLED])
    found = [_nearest(np.ascontiguousarray(vectors[:, half::2]), rows) for half in (0, 1)]
    shared = [len(np.intersect1d(one, other)) for one, other in zip(*found, strict=True)]
    overlap, chance = float(np.mean(shared)) / _NEIGHBORS, _NEIGHBORS / (count - 1)
    return (overlap - chance) / (1 - chance)


def _nearest(vectors: Float32[np.ndarray, "n e"], rows: Int64[np.ndarray, " m"]) -> Int64[np.ndarray, "m k"]:
    """The nearest neighbors of the rows by cosine similarity, without themselves, in no order."""
    directions = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    similarity = directions[rows] @ directions.T
    similarity[np.arange(len(rows)), rows] = -np.inf
    return np.argpartition(-similarity, _NEIGHBORS, axis=1)[:, :_NEIGHBORS]
