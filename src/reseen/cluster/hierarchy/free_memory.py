"""Room in memory for a matrix of all pairs, asked for before it is taken: a full machine kills, and says nothing."""

from reseen.cluster.hierarchy.settings import HierarchySettings
from reseen.errors import ClusteringError
from reseen.reading import free_bytes

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
