"""Two-dimensional embedding of vectors that preserves neighborhoods.

Steps: k-NN search; symmetric k-NN graph; initialization by principal components; gradient descent in which neighbors
attract with weight q = 1 / (1 + d^2) and random rows repel with q / d^2.

Reference: Damrich et al. 2023, "From t-SNE to UMAP with contrastive learning", section 4 (negative sampling with the
Cauchy kernel). All rows are updated synchronously, so that the result does not depend on the number of threads.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float32
from scipy.sparse import csr_array
from sklearn.decomposition import PCA

from reseen.geometry import unit
from reseen.neighbors import nearest
from reseen.neighbors.jaccard_kernels import in_ranges
from reseen.records import Features

_SAMPLE = 20_000


def project_to_principal_components(
    vectors: Float32[np.ndarray, "n d"], components: int = 2, sample: int = _SAMPLE
) -> Float32[np.ndarray, "n a"]:
    """Coordinates of vectors along their first principal components, centered.

    The components are computed in float64 on at most `sample` rows, evenly spaced over all. Their signs are fixed: the
    entry of largest magnitude is positive, so that equal vectors give equal coordinates. The result has
    `min(components, d)` columns, which are 0 beyond the number of rows; no rows give an empty array.
    """
    coordinates = np.zeros((len(vectors), min(components, vectors.shape[1])), np.float32)
    if len(vectors) < 2:
        return coordinates
    rows = np.linspace(0, len(vectors) - 1, min(sample, len(vectors))).astype(np.int64)
    pca = PCA(min(coordinates.shape[1], len(rows)), svd_solver="covariance_eigh")  # type: ignore[arg-type]  # the stubs are older
    with np.errstate(divide="ignore", invalid="ignore"):  # shares of the variance, where all rows are equal
        pca.fit(vectors[rows].astype(np.float64))
    directions = pca.components_.T.astype(np.float32)
    coordinates[:, : directions.shape[1]] = vectors @ directions - pca.mean_.astype(np.float32) @ directions
    return coordinates


_NEIGHBORS = 15
_STEPS = 500
_NEGATIVES = 5
_REPULSION = 5.0
_INITIAL_EXTENT = 10.0
"""Half the width of the initialization; a cluster ends up about 1 wide."""
_JITTER = 1e-2
"""Standard deviation of the noise that separates duplicates."""
_SEARCH_DIMENSION = 64
"""Longer vectors are reduced to this many principal components for the k-NN search."""


def neighbor_layout(
    vectors: Float32[np.ndarray, "n d"], seed: int = 0, progress: Callable[[float], None] = lambda _: None
) -> Float32[np.ndarray, "n 2"]:
    """Coordinates of unit rows in the plane, reproducible bit for bit on one machine for equal rows and seed.

    `progress` is called with the fraction done, 0 to 1. Fewer than three rows, or rows of one component, are placed on
    a line.
    """
    count = len(vectors)
    coordinates = project_to_principal_components(vectors)
    if count < 3 or coordinates.shape[1] < 2:
        return np.stack([np.arange(count), np.zeros(count)], axis=1).astype(np.float32)
    graph = _neighbor_graph(vectors)
    progress(0.5)
    generator = np.random.default_rng(seed)
    coordinates *= np.float32(_INITIAL_EXTENT / max(float(np.abs(coordinates).max()), 1e-6))
    coordinates += (_JITTER * generator.standard_normal(coordinates.shape)).astype(np.float32)
    return _optimize(np.ascontiguousarray(coordinates), graph, generator, progress)


def _neighbor_graph(vectors: Float32[np.ndarray, "n d"]) -> csr_array:
    """Adjacency matrix of the symmetric k-NN graph (union of both directions)."""
    rows = torch.from_numpy(vectors)
    if vectors.shape[1] > _SEARCH_DIMENSION:
        rows = unit(torch.from_numpy(project_to_principal_components(vectors, _SEARCH_DIMENSION)))
        # A row equal to the mean has length 0; it gets an arbitrary direction.
        rows = torch.where(rows.norm(dim=1, keepdim=True) > 0.5, rows, torch.eye(1, _SEARCH_DIMENSION))
    indices = nearest(Features(rows), _NEIGHBORS + 1).indices[:, 1:]
    count, k = indices.shape
    start = np.arange(0, count * k + 1, k)
    directed = csr_array((np.ones(count * k, np.int8), indices.reshape(-1), start), shape=(count, count))
    return csr_array(directed + directed.T)


def _optimize(
    coordinates: Float32[np.ndarray, "n 2"],
    graph: csr_array,
    generator: np.random.Generator,
    progress: Callable[[float], None],
) -> Float32[np.ndarray, "n 2"]:
    """Gradient descent with a linearly decreasing learning rate."""
    from reseen.viewer.layout_kernel import step

    start, columns = graph.indptr.astype(np.int64), graph.indices.astype(np.int32)
    seeds = generator.integers(0, 2**63, _STEPS, dtype=np.uint64)
    before, after = coordinates, np.empty_like(coordinates)
    for number, seed in enumerate(seeds):
        rate = np.float32(1 - number / _STEPS)
        in_ranges(
            step, len(before), start, columns, _NEGATIVES, np.float32(_REPULSION), rate, seed, before, after
        )  # fmt: skip
        before, after = after, before
        progress(0.5 + 0.5 * (number + 1) / _STEPS)
    return before
