"""Rows in chunks that become smaller where the memory of machine or GPU does not suffice."""

from collections.abc import Callable
from typing import TypeVar

from reseen.errors import ClusteringError

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
