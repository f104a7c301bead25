"""Room in memory for a matrix of all pairs, asked for before it is taken: a full machine kills, and says nothing."""

import os
from pathlib import Path

from reseen.cluster.hierarchy.settings import HierarchySettings
from reseen.errors import ClusteringError

_CONTAINER = Path("/sys/fs/cgroup")
_MATRICES = 9
"""Float64 matrices of all pairs that `DensePairs` holds at its peak, as measured."""


def require_free_memory(rows: int, settings: HierarchySettings) -> None:
    """Raise unless a matrix of all pairs of so many rows, and what is computed from it, fits into free memory.

    Raises:
        ClusteringError: it does not fit.
    """
    needed, free = _MATRICES * 8 * rows**2, free_bytes()
    if free is None or needed <= free:
        return
    if settings.needs_all_pairs:
        what = f"{settings.linkage} linkage of plain Euclidean distances"
        instead = "metric sqeuclidean, which needs no such matrix"
    else:
        what, instead = "engine dense", "engine search, which gives the same clusters without a matrix"
    raise ClusteringError(
        f"{what} needs all pairs of {rows:,} rows at once, about {needed / 1e9:.1f} GB, and "
        f"{free / 1e9:.1f} GB of memory are free; take {instead}, or cluster fewer rows"
    )


def free_bytes() -> int | None:
    """Memory that can be taken without swapping, as Linux tells it, within the limit of a container.

    Elsewhere that of the machine, or None where that is not known either.
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
            return None
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit, taken = (
            int((_CONTAINER / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current")
        )
    except (OSError, ValueError):  # none, or "max"
        return free
    return min(free, limit - taken)
