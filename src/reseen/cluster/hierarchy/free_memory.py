"""Checks that a matrix of all pairs fits into memory before it is allocated, since the OOM killer gives no message."""

from reseen.cluster.hierarchy.settings import HierarchySettings
from reseen.errors import ClusteringError
from reseen.reading import free_bytes

_MATRICES = 9
"""Peak number of float64 matrices of all pairs in `DensePairs`, measured."""


def require_free_memory(rows: int, settings: HierarchySettings) -> None:
    """Raise unless the matrices of all pairs of this number of rows fit into free memory.

    Raises:
        ClusteringError: they do not fit.
    """
    needed, free = _MATRICES * 8 * rows**2, free_bytes()
    if free is None or needed <= free:
        return
    if settings.needs_all_pairs:
        cause = f"{settings.linkage} linkage of Euclidean distances"
        alternative = "metric sqeuclidean, which does not need such a matrix"
    else:
        cause, alternative = "engine dense", "engine search, which gives the same clusters without a matrix"
    raise ClusteringError(
        f"{cause} needs a matrix of all pairs of {rows:,} rows, about {needed / 1e9:.1f} GB, but only "
        f"{free / 1e9:.1f} GB of memory are free; use {alternative}, or cluster fewer rows"
    )
