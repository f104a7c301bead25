"""What clustering vectors on disk takes of memory: what is there already, what grows with the rows, and blocks."""

from dataclasses import dataclass

import torch

from reseen.errors import SettingsError
from reseen.reading import free_bytes
from reseen.runs.process_memory import own_bytes, parse_memory, show_memory
from reseen.tasks.clustering.cluster_settings import VectorClusterSettings

_SHARE_OF_FREE = 0.75
_UNKNOWN_BUDGET = 4 * 10**9
"""Bytes, where the system does not say what is free."""
_LIBRARIES = 160_000_000
"""Bytes that compiled loops, FAISS and the buffers of matrix products take when they are first used, and what the
allocator holds on to."""
_UNKNOWN_START = 550_000_000
"""Bytes of a process with all libraries loaded, where the system does not say how many there are."""
_JACCARD_PER_ROW, _JACCARD_PER_THREAD = 110, 12
"""Bytes per row: starts and lengths of four sparse matrices; marks of the loop of each thread."""
_LABELS_PER_ROW = 90
"""Bytes per row for labels, their sorted copies and what a row is like."""
_MERGING_PER_ROW = 1_500
"""Bytes per row while clusters merge: sixteen pairs for each in a pool that is copied when it grows."""
_MERGING_BLOCKS = 400_000_000
"""Bytes of blocks of products, lists and centers while clusters merge, at most."""
_WRITING = 30_000_000


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes of the process's own."""

    budget: int
    start: int
    """What is taken whatever is clustered."""
    least: int
    """The least budget that does."""

    @property
    def room(self) -> int:
        """For blocks of the search and of measuring, which hold nothing else per row."""
        return max(0, self.budget - self.start)


def memory_budget(memory: int | str | None) -> int:
    """Bytes that a process may take: those asked for, or three quarters of what is free and what it has already.

    Raises:
        SettingsError: the text is no amount of memory.
    """
    if memory is not None:
        return parse_memory(memory) if isinstance(memory, str) else memory
    free = free_bytes()
    return int(_SHARE_OF_FREE * free) + (own_bytes() or 0) if free is not None else _UNKNOWN_BUDGET


def plan_memory(budget: int, rows: int, dimension: int, settings: VectorClusterSettings) -> MemoryPlan:
    """How much of the budget is left for blocks.

    Raises:
        SettingsError: it does not suffice; the message says how much does.
    """
    now = own_bytes()
    start = (_UNKNOWN_START if now is None else now) + _LIBRARIES
    k = settings.neighbors
    search = settings.search.least_memory(rows, dimension, k)
    if settings.algorithm == "dbscan":
        growing = rows * (_JACCARD_PER_ROW + _JACCARD_PER_THREAD * torch.get_num_threads())
    else:
        growing = rows * _MERGING_PER_ROW + min(_MERGING_BLOCKS, 16 * rows * dimension)
    measuring = rows * _LABELS_PER_ROW + 256 * 4 * (dimension + 4) * (k + 2) + _WRITING
    least = start + max(search, growing, measuring)
    least += -least % 10_000_000
    if budget < least:
        raise SettingsError(
            f"--memory {show_memory(budget)}: clustering {rows:,} vectors of {dimension} numbers by "
            f"{settings.algorithm} takes {show_memory(least)} at the least, of which {show_memory(start)} are taken "
            "whatever is clustered; give so much, or "
            + (
                "fewer vectors"
                if settings.algorithm == "dbscan"
                else "--algorithm dbscan, which takes less per row"
            )
        )
    return MemoryPlan(budget, start, least)
