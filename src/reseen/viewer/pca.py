"""Principal components: the directions along which vectors differ most."""

import numpy as np
from jaxtyping import Float32

_SAMPLE = 20_000


def principal(
    vectors: Float32[np.ndarray, "n d"], axes: int = 2, sample: int = _SAMPLE
) -> Float32[np.ndarray, "n a"]:
    """Vectors along their `axes` main directions, centered; fewer columns where d is smaller.

    Directions are those of a sample, evenly spaced over the rows. The largest part of each direction is positive, so
    that the same vectors give the same picture.
    """
    if not len(vectors):
        return np.empty((0, min(axes, vectors.shape[1])), np.float32)
    taken = vectors[np.linspace(0, len(vectors) - 1, min(sample, len(vectors))).astype(np.int64)].astype(
        np.float64
    )
    mean = taken.mean(axis=0)
    taken -= mean
    _, directions = np.linalg.eigh(taken.T @ taken)
    directions = directions[:, ::-1][:, :axes]
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=0)[None], axis=0)
    directions = (directions * np.where(largest < 0, -1, 1)).astype(np.float32)
    return vectors @ directions - mean.astype(np.float32) @ directions
