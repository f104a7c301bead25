"""Exact nearest rows: FAISS on the CPU, a matrix product and top-k elsewhere; never an n x n matrix.

Rows in chunks that become smaller where the memory of machine or GPU does not suffice.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from reseen.errors import ClusteringError
from reseen.records import Features, Neighbors

Result = TypeVar("Result")

_WORDS = (
    "out of memory",
    "bad_alloc",
    "not enough memory",
    "cannot allocate memory",
    "can't allocate memory",
)
"""How PyTorch, FAISS and the system say it where they raise a RuntimeError."""


def in_chunks(work: Callable[[slice], Result], rows: int, chunk: int) -> list[Result]:
    """Results of `work` on consecutive slices of at most `chunk` rows, half as many whenever memory runs out.

    Raises:
        ClusteringError: memory runs out even for one row.
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
                    f"out of memory: there is none to compare one row with {rows:,} others; end other programs, take "
                    "fewer crops, or a backbone with shorter vectors"
                ) from None
            chunk //= 2
        else:
            start += chunk
    return results


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, whoever says it."""
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in _WORDS)


CHUNK_CELLS = 1 << 26
"""Similarities held at once by the matrix product: 256 MiB of float32."""


def nearest(features: Features, k: int, device: str = "cpu") -> Neighbors:
    """The `k` nearest rows of every row by squared Euclidean distance, exact.

    Order within a row: the row itself, at distance exactly 0, even when others equal it; then by distance;
    then by row number. Where several rows tie for the last place, which of them is kept is not defined.
    With fewer than `k` rows, all of them are returned, so the result has min(k, n) columns.

    Where memory runs out, fewer rows are searched for at a time.

    Raises:
        ValueError: `k` is below 1, or the features are raw.
        ClusteringError: memory runs out even for one row at a time.
    """
    if features.raw:
        raise ValueError("a search for neighbors needs unit rows, got raw features")
    if k < 1:
        raise ValueError(f"a search needs k of at least 1 (the row itself counts), got {k}")
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
    """Squared Euclidean distance, 0 to 4, from every row to the row farthest from it.

    `chunk_cells` bounds the similarities held at once, in numbers, not bytes; where memory runs out they are fewer.

    Raises:
        ClusteringError: memory runs out even for one row at a time.
    """
    vectors = features.vectors.to(device)
    rows = chunk_cells // max(1, len(vectors))
    lowest = in_chunks(lambda some: (vectors[some] @ vectors.T).amin(dim=1).cpu(), len(vectors), rows)
    similarity = torch.cat(lowest) if len(vectors) else torch.empty(0)
    return (2 - 2 * similarity).clamp_min(0).numpy()


def search_faiss(features: Features, k: int) -> tuple[Float32[np.ndarray, "n k"], Int64[np.ndarray, "n k"]]:
    """Cosine similarities and row numbers of the `k` most similar rows, by FAISS on torch's thread count."""
    import faiss

    # FAISS and torch each bring their own OpenMP pool; equal sizes keep them from crowding the cores.
    faiss.omp_set_num_threads(torch.get_num_threads())
    rows = features.numpy
    found = in_chunks(
        lambda some: faiss.knn(rows[some], rows, k, metric=faiss.METRIC_INNER_PRODUCT), len(rows), len(rows)
    )
    similarities, indices = (
        np.concatenate(parts) if len(parts) > 1 else parts[0] for parts in zip(*found, strict=True)
    )
    return similarities, indices.astype(np.int64, copy=False)


def search_product(
    features: Features, k: int, device: str, chunk_cells: int = CHUNK_CELLS
) -> tuple[Float32[np.ndarray, "n k"], Int64[np.ndarray, "n k"]]:
    """The same by a chunked matrix product and top-k on any torch device.

    `chunk_cells` bounds the similarities held at once, in numbers, not bytes.
    """
    vectors = features.vectors.to(device)

    def search(some: slice) -> tuple[Tensor, Tensor]:
        best = torch.topk(vectors[some] @ vectors.T, k, dim=1)
        return best.values.cpu(), best.indices.cpu()

    similarities, indices = zip(*in_chunks(search, len(vectors), chunk_cells // len(vectors)), strict=True)
    return torch.cat(similarities).numpy(), torch.cat(indices).numpy()


def _self_first(similarities: Float32[np.ndarray, "n k"], indices: Int64[np.ndarray, "n k"]) -> Neighbors:
    """Squared distances in the order that `nearest` promises."""
    own = np.arange(len(indices))[:, None]
    distances = np.maximum(2 - 2 * similarities, 0)
    lost = ~(indices == own).any(axis=1)  # more exact copies than columns pushed the row out of its own list
    indices[lost, -1] = own[lost, 0]
    itself = indices == own
    order = np.lexsort((indices, np.where(itself, np.float32(-1), distances)), axis=-1)
    distances[itself] = 0
    return Neighbors(np.take_along_axis(indices, order, 1), np.take_along_axis(distances, order, 1))
