"""Principal component analysis of gallery embeddings."""

import numpy as np
from jaxtyping import Float32

_SAMPLE = 20_000


def project_to_principal_components(
    vectors: Float32[np.ndarray, "n d"], components: int = 2, sample: int = _SAMPLE
) -> Float32[np.ndarray, "n a"]:
    """Coordinates of vectors along their first principal components, centered.

    The components are computed in float64 on at most `sample` rows, evenly spaced over all. Their signs are fixed: the
    entry of largest magnitude is positive, so that equal vectors give equal coordinates. The result has
    `min(components, d)` columns; no rows give an empty array.
    """
    if not len(vectors):
        return np.empty((0, min(components, vectors.shape[1])), np.float32)
    rows = np.linspace(0, len(vectors) - 1, min(sample, len(vectors))).astype(np.int64)
    sampled = vectors[rows].astype(np.float64)
    mean = sampled.mean(axis=0)
    sampled -= mean
    _, directions = np.linalg.eigh(sampled.T @ sampled)
    directions = directions[:, ::-1][:, :components]
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=0)[None], axis=0)
    directions = (directions * np.where(largest < 0, -1, 1)).astype(np.float32)
    return vectors @ directions - mean.astype(np.float32) @ directions
