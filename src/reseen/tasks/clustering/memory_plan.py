"""Memory needed for clustering vectors on disk: a fixed part, a part per row, and the rest for blocks."""

from dataclasses import dataclass

import torch

from reseen.cluster.clusterings import DbscanClustering
from reseen.errors import SettingsError
from reseen.reading import free_bytes
from reseen.runs.process_memory import own_bytes, parse_memory, show_memory
from reseen.tasks.clustering.cluster_settings import VectorClusterSettings

_SHARE_OF_FREE = 0.75
_UNKNOWN_BUDGET = 4 * 10**9
"""Budget in bytes if the free memory is unknown."""
_LIBRARIES = 160_000_000
"""Bytes that compiled loops, FAISS and buffers of matrix products allocate at first use, and that the allocator
retains."""
_UNKNOWN_START = 550_000_000
"""Bytes of a process with all libraries loaded, if its memory use is unknown."""
_LABELS_PER_ROW = 90
"""Bytes per row: labels, their sorted copies, and memberships."""
_WRITING = 30_000_000


@dataclass(frozen=True)
class MemoryPlan:
    """Memory plan of the process, in bytes, without memory-mapped pages."""

    budget: int
    """The memory limit."""
    start: int
    """Memory used regardless of the number of rows."""
    least: int
    """The minimum limit."""

    @property
    def room(self) -> int:
        """Memory left for the blocks of search and measuring."""
        return max(0, self.budget - self.start)


def memory_budget(memory: int | str | None) -> int:
    """The memory limit in bytes: `memory`, or three quarters of the free memory plus the memory already in use.

    Raises:
        SettingsError: the text is not an amount of memory.
    """
    if memory is not None:
        return parse_memory(memory) if isinstance(memory, str) else memory
    free = free_bytes()
    return int(_SHARE_OF_FREE * free) + (own_bytes() or 0) if free is not None else _UNKNOWN_BUDGET


def plan_memory(budget: int, rows: int, dimension: int, settings: VectorClusterSettings) -> MemoryPlan:
    """Plan the memory of clustering `rows` vectors within the budget.

    Raises:
        SettingsError: the budget is too low; the message gives the minimum.
    """
    now = own_bytes()
    start = (_UNKNOWN_START if now is None else now) + _LIBRARIES
    clustering, threads = settings.clustering, torch.get_num_threads()
    k = clustering.neighbors
    search = settings.search.least_memory(rows, dimension, k)
    growing = clustering.out_of_core_bytes(rows, dimension, threads)
    measuring = rows * _LABELS_PER_ROW + 256 * 4 * (dimension + 4) * (k + 2) + _WRITING
    least = start + max(search, growing, measuring)
    least += -least % 10_000_000
    if budget < least:
        raise SettingsError(
            f"--memory {show_memory(budget)}: clustering {rows:,} vectors of dimension {dimension} by "
            f"{clustering.name} needs at least {show_memory(least)}, of which {show_memory(start)} do not depend on "
            "the vectors; raise the limit, or use "
            + (
                "fewer vectors"
                if DbscanClustering().out_of_core_bytes(rows, dimension, threads) >= growing
                else "--method dbscan, which needs less per row"
            )
        )
    return MemoryPlan(budget, start, least)
