"""Exact k-nearest-neighbor search: FAISS on the CPU, matrix product and top-k elsewhere; never an n x n matrix.

Rows are searched in chunks, which are halved when the machine or the GPU runs out of memory.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from reseen.errors import ClusteringError
from reseen.geometry import FeatureRows, as_features
from reseen.records import Features, Neighbors

Result = TypeVar("Result")

_OUT_OF_MEMORY = (
    "out of memory",
    "bad_alloc",
    "not enough memory",
    "cannot allocate memory",
    "can't allocate memory",
)
"""Out-of-memory messages of the RuntimeErrors that PyTorch, FAISS and the system raise, in lower case."""


def map_chunks(work: Callable[[slice], Result], rows: int, chunk: int) -> list[Result]:
    """Results of `work` on consecutive slices of at most `chunk` rows, halved whenever memory runs out.

    Raises:
        ClusteringError: memory runs out even for a single row.
    """
    results: list[Result] = []
    start, chunk = 0, max(1, min(chunk, rows))
    while start < rows:
        try:
            results.append(work(slice(start, min(start + chunk, rows))))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if chunk == 1:
                raise ClusteringError(
                    f"out of memory: cannot compare a single row with {rows:,} others; close other programs, use fewer "
                    "crops, or a backbone with a smaller embedding dimension"
                ) from None
            chunk //= 2
        else:
            start += chunk
    return results


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of PyTorch, FAISS or the system means that memory ran out."""
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in _OUT_OF_MEMORY)


CHUNK_CELLS = 1 << 26
"""Similarities computed at once by the matrix product: 256 MiB of float32."""


def nearest(features: FeatureRows, k: int, device: str = "cpu") -> Neighbors:
    """The `k` nearest rows of every row by squared Euclidean distance, including the row itself; exact.

    The row itself comes first, at distance exactly 0 even if it has duplicates; the others are sorted by distance, then
    by row number. Which of several rows at the distance of the last column is kept is undefined. The result has
    min(k, n) columns.

    If memory runs out, rows are searched in smaller chunks.

    Raises:
        ValueError: `k` is below 1, or the features are raw.
        ClusteringError: memory runs out even for a single row.

    Example:
        neighbors = nearest(features, k=10)
        neighbors.indices[:, 1:]  # the 9 nearest others
    """
    features = as_features(features)
    if features.raw:
        raise ValueError("nearest-neighbor search needs unit vectors, got raw features")
    if k < 1:
        raise ValueError(f"nearest-neighbor search needs k of at least 1 (including the row itself), got {k}")
    k = min(k, len(features))
    if k == 0:
        return Neighbors(np.empty((0, 0), np.int64), np.empty((0, 0), np.float32))
    if torch.device(device).type == "cpu":
        similarities, indices = search_faiss(features, k)
    else:
        similarities, indices = search_product(features, k, device)
    return _self_first(similarities, indices)


def farthest(
    features: Features, device: str = "cpu", chunk_cells: int = CHUNK_CELLS
) -> Float32[np.ndarray, " n"]:
    """Squared Euclidean distance, 0 to 4, from every row to its farthest row.

    `chunk_cells` is the number of similarities computed at once, in values, not bytes; it is reduced if memory runs
    out.

    Raises:
        ClusteringError: memory runs out even for a single row.
    """
    vectors = features.vectors.to(device)
    rows = chunk_cells // max(1, len(vectors))
    lowest = map_chunks(lambda chunk: (vectors[chunk] @ vectors.T).amin(dim=1).cpu(), len(vectors), rows)
    similarity = torch.cat(lowest) if len(vectors) else torch.empty(0)
    return (2 - 2 * similarity).clamp_min(0).numpy()


def search_faiss(features: Features, k: int) -> tuple[Float32[np.ndarray, "n k"], Int64[np.ndarray, "n k"]]:
    """Cosine similarities and row numbers of the `k` most similar rows, by FAISS with torch's number of threads."""
    import faiss

    # FAISS and torch have separate OpenMP pools; equal sizes avoid oversubscription.
    faiss.omp_set_num_threads(torch.get_num_threads())
    rows = features.numpy
    results = map_chunks(
        lambda chunk: faiss.knn(rows[chunk], rows, k, metric=faiss.METRIC_INNER_PRODUCT), len(rows), len(rows)
    )
    similarities, indices = (
        np.concatenate(parts) if len(parts) > 1 else parts[0] for parts in zip(*results, strict=True)
    )
    return similarities, indices.astype(np.int64, copy=False)


def search_product(
    features: Features, k: int, device: str, chunk_cells: int = CHUNK_CELLS
) -> tuple[Float32[np.ndarray, "n k"], Int64[np.ndarray, "n k"]]:
    """As `search_faiss`, by a chunked matrix product and top-k on any torch device.

    `chunk_cells` is the number of similarities computed at once, in values, not bytes.
    """
    vectors = features.vectors.to(device)

    def search(chunk: slice) -> tuple[Tensor, Tensor]:
        top = torch.topk(vectors[chunk] @ vectors.T, k, dim=1)
        return top.values.cpu(), top.indices.cpu()

    similarities, indices = zip(*map_chunks(search, len(vectors), chunk_cells // len(vectors)), strict=True)
    return torch.cat(similarities).numpy(), torch.cat(indices).numpy()


def _self_first(similarities: Float32[np.ndarray, "n k"], indices: Int64[np.ndarray, "n k"]) -> Neighbors:
    """Neighbors with squared distances, sorted as `nearest` documents."""
    own = np.arange(len(indices))[:, None]
    distances = np.maximum(2 - 2 * similarities, 0)
    missing = ~(indices == own).any(
        axis=1
    )  # more duplicates than columns displaced the row from its own list
    indices[missing, -1] = own[missing, 0]
    is_self = indices == own
    order = np.lexsort((indices, np.where(is_self, np.float32(-1), distances)), axis=-1)
    distances[is_self] = 0
    return Neighbors(np.take_along_axis(indices, order, 1), np.take_along_axis(distances, order, 1))
