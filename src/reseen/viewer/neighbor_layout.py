"""A picture of vectors in the plane that keeps neighbors together.

Flow: k nearest rows -> a graph without directions -> principal components as a start -> many small steps: pulled by
neighbors with weight q = 1 / (1 + d^2), pushed by random rows with q / d^2.

Reference: Damrich et al. 2023, "From t-SNE to UMAP with contrastive learning", section 4 (negative sampling with the
Cauchy kernel); all steps of one round are taken at once, so that the result does not depend on threads.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float32
from scipy.sparse import csr_array

from reseen.geometry import unit
from reseen.neighbors import nearest
from reseen.neighbors.jaccard_kernels import in_ranges
from reseen.records import Features
from reseen.viewer.pca import principal

_NEIGHBORS = 15
_STEPS = 500
_STRANGERS = 5
_PUSH = 5.0
_START = 10.0
"""Half the width of the start; a cluster becomes about 1 wide."""
_JITTER = 1e-2
"""Copies have to part somehow."""
_SEARCHED = 64
"""Neighbors are looked for along as many principal components, where vectors are longer."""


def neighbor_layout(
    vectors: Float32[np.ndarray, "n d"], seed: int = 0, progress: Callable[[float], None] = lambda _: None
) -> Float32[np.ndarray, "n 2"]:
    """Places of unit rows in the plane; the same bits for the same rows, seed and machine.

    `progress` is told the share that is done, 0 to 1, by time. Two rows or fewer lie side by side.
    """
    count = len(vectors)
    places = principal(vectors)
    if count < 3 or places.shape[1] < 2:
        return np.stack([np.arange(count), np.zeros(count)], axis=1).astype(np.float32)
    graph = _graph(vectors)
    progress(0.5)
    generator = np.random.default_rng(seed)
    places *= np.float32(_START / max(float(np.abs(places).max()), 1e-6))
    places += (_JITTER * generator.standard_normal(places.shape)).astype(np.float32)
    return _settle(np.ascontiguousarray(places), graph, generator, progress)


def _graph(vectors: Float32[np.ndarray, "n d"]) -> csr_array:
    """Who is a neighbor of whom, either way round."""
    rows = torch.from_numpy(vectors)
    if vectors.shape[1] > _SEARCHED:
        rows = unit(torch.from_numpy(principal(vectors, _SEARCHED)))
        # A row that equals the mean has no direction; any will do.
        rows = torch.where(rows.norm(dim=1, keepdim=True) > 0.5, rows, torch.eye(1, _SEARCHED))
    near = nearest(Features(rows), _NEIGHBORS + 1).indices[:, 1:]
    count, k = near.shape
    start = np.arange(0, count * k + 1, k)
    found = csr_array((np.ones(count * k, np.int8), near.reshape(-1), start), shape=(count, count))
    return csr_array(found + found.T)


def _settle(
    places: Float32[np.ndarray, "n 2"],
    graph: csr_array,
    generator: np.random.Generator,
    progress: Callable[[float], None],
) -> Float32[np.ndarray, "n 2"]:
    """All steps, each shorter than the one before."""
    from reseen.viewer.layout_kernel import step

    start, columns = graph.indptr.astype(np.int64), graph.indices.astype(np.int32)
    draws = generator.integers(0, 2**63, _STEPS, dtype=np.uint64)
    after = np.empty_like(places)
    for number, draw in enumerate(draws):
        rate = np.float32(1 - number / _STEPS)
        in_ranges(step, len(places), start, columns, _STRANGERS, np.float32(_PUSH), rate, draw, places, after)
        places, after = after, places
        progress(0.5 + 0.5 * (number + 1) / _STEPS)
    return places
