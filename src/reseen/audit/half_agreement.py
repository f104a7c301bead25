"""Whether two halves of the features agree on who is nearest: what dimensions share is about people, or collapse."""

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64

from reseen.geometry import unit
from reseen.records import Features

NEIGHBORS = 10
"""Nearest neighbors compared."""

_COMPONENTS = 64
"""Most principal components; those after them are mostly noise."""
_FITTED = 4000
"""Most crops that components are computed from."""
_SAMPLED = 1000
"""Most crops whose neighbors are looked up."""
_FEWEST = 4 * NEIGHBORS
"""Fewest crops for which chance agreement is small enough to be taken off."""


def half_agreement(features: Features) -> float | None:
    """Overlap of the ten nearest neighbors by two halves of the principal components, over chance.

    0 where the halves agree no more than random neighbors would, 1 where they have the same; slightly negative by
    chance. None for fewer than 40 crops or 2 dimensions. At most 1,000 crops are looked at, sampled with a fixed seed.

    Example:
        >>> half_agreement(features)
    """
    count, dimension = features.numpy.shape
    if count < _FEWEST or dimension < 2:
        return None
    rows = np.sort(np.random.default_rng(0).permutation(count)[:_SAMPLED])
    first, second = (nearest_neighbors(half, rows) for half in component_halves(features.numpy))
    return float(overlap_over_chance(first, second, count - 1).mean())


def component_halves(
    vectors: Float32[np.ndarray, "n d"],
) -> tuple[Float32[np.ndarray, "n a"], Float32[np.ndarray, "n c"]]:
    """Unit rows of every other principal component of some vectors, and of those between them; at most 64 in all.

    Components do not correlate with each other, whereas dimensions do: in an encoder with random weights a few colors
    determine all of them, so that any two halves of the dimensions agree, whatever they are worth. Both halves have
    about the same variance. Components are computed from at most 4,000 rows, sampled with a fixed seed.
    """
    from sklearn.decomposition import PCA

    count, dimension = vectors.shape
    fitted = vectors[np.sort(np.random.default_rng(0).permutation(count)[:_FITTED])]
    with np.errstate(invalid="ignore"):  # equal rows have no variance to explain
        kept = min(_COMPONENTS, dimension, len(fitted))
        pca = PCA(kept, svd_solver="covariance_eigh").fit(fitted)  # type: ignore[bad-argument-type]  # newer than stubs
    projected = pca.transform(vectors)
    first, second = (
        unit(torch.from_numpy(np.ascontiguousarray(projected[:, half::2], dtype=np.float32))).numpy()
        for half in (0, 1)
    )
    return first, second


def nearest_neighbors(
    vectors: Float32[np.ndarray, "n e"], rows: Int64[np.ndarray, " m"]
) -> Int64[np.ndarray, "m k"]:
    """The ten most similar unit rows of some rows, without themselves, in no order."""
    similarity = vectors[rows] @ vectors.T
    similarity[np.arange(len(rows)), rows] = -np.inf
    return np.argpartition(-similarity, NEIGHBORS - 1, axis=1)[:, :NEIGHBORS]


def overlap_over_chance(
    first: Int64[np.ndarray, "b k"], second: Int64[np.ndarray, "b k"], among: int
) -> Float64[np.ndarray, " b"]:
    """Overlap of two sets of k columns out of `among`, corrected for chance: 0 for random columns, 1 for equal sets."""
    count = first.shape[1]
    shared = np.array([len(np.intersect1d(one, other)) for one, other in zip(first, second, strict=True)])
    chance = count / among
    return (shared / count - chance) / (1 - chance)
