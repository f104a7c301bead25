"""The dense engine: a matrix of all pairs of rows, summed over clusters; for small n, and as a reference in tests.

Every linkage and regularizer is computed from sums of pairwise distances, independently of the formulas of the search
engine: with T(A, B) the sum of squared distances between members, SSE(A) = T(A, A) / 2n and
|mean A - mean B|^2 = T(A, B) / nm - T(A, A) / 2n^2 - T(B, B) / 2m^2.

Free memory is checked before the matrix is allocated, since the out-of-memory killer gives no message.
"""

import numpy as np
from jaxtyping import Float32, Float64, Int64
from scipy.spatial.distance import cdist

from reseen.cluster.hierarchy.candidates import DECIMALS, Pairs
from reseen.cluster.hierarchy.settings import HierarchySettings
from reseen.cluster.hierarchy.shared_neighbors import shared_distances
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


class DensePairs:
    """Costs of all pairs of clusters, from n x n float64 matrices."""

    def __init__(
        self, vectors: Float32[np.ndarray, "n d"], start: Int64[np.ndarray, " n"], settings: HierarchySettings
    ) -> None:
        """Start with the clusters named in `start`.

        Raises:
            ClusteringError: the matrices do not fit into free memory.
        """
        require_free_memory(len(vectors), settings)
        self._settings = settings
        rows = vectors.astype(np.float64)
        self._names = np.arange(len(rows))
        self._counts = np.ones(len(rows))
        self._squared = cdist(rows, rows, "sqeuclidean")
        needs = settings.needs_all_pairs or settings.linkage == "single"
        self._plain = np.sqrt(self._squared) if needs else None
        if settings.metric == "jaccard":
            near = shared_distances(vectors, settings.jaccard).tocoo()
            self._plain = np.ones((len(rows), len(rows)))
            self._plain[near.row, near.col] = 1 - (
                1 - near.data.astype(np.float64)
            )  # same rounding as SharedPairs
        self.merge(start)

    def cheapest(self, minimum: int) -> Pairs:
        """All pairs of clusters that may merge, sorted by cost, then by name; `minimum` is ignored."""
        del minimum
        first, second = np.triu_indices(len(self._names), 1)
        if self._settings.metric == "jaccard":  # clusters without shared neighbors never merge
            assert self._plain is not None
            farthest = np.outer(self._counts, self._counts) if self._settings.linkage == "average" else 1
            near = np.flatnonzero((self._plain < farthest)[first, second])
            first, second = first.take(near), second.take(near)
        cost = self._costs()[first, second]
        order = np.lexsort((second, first, np.round(cost, DECIMALS)))
        return self._names[first[order]], self._names[second[order]], cost[order]

    def merge(self, target: Int64[np.ndarray, " n"]) -> None:
        """Merge clusters, as `Partition.merge` does."""
        into, inverse = np.unique(target[self._names], return_inverse=True)
        if len(into) == len(self._names):
            return
        single = self._settings.linkage == "single"
        self._squared = _gathered(self._squared, inverse, np.add)
        if self._plain is not None:
            self._plain = _gathered(self._plain, inverse, np.minimum if single else np.add)
        self._counts = np.add.reduceat(self._counts[np.argsort(inverse, kind="stable")], _starts(inverse))
        self._names = into

    @property
    def count(self) -> int:
        """Number of clusters."""
        return len(self._names)

    def _costs(self) -> Float64[np.ndarray, "c c"]:
        settings, n = self._settings, self._counts
        pairs = np.outer(n, n)
        within = np.diag(self._squared)
        means = np.maximum(
            self._squared / pairs - (within / (2 * n**2))[:, None] - (within / (2 * n**2))[None, :], 0
        )
        link = self._linkage(pairs, within, means)
        error = within / (2 * n)
        alone = {"size": n, "dispersion": 2 * error / n, "sse": error, "sse_union": error}.get(
            settings.regularizer
        )
        regularizer = np.zeros_like(link) if alone is None else alone[:, None] + alone[None, :]
        if settings.regularizer in ("sse_union", "ward"):
            regularizer = regularizer + pairs / (n[:, None] + n[None, :]) * means
        return link + settings.weight * regularizer

    def _linkage(
        self,
        pairs: Float64[np.ndarray, "c c"],
        within: Float64[np.ndarray, " c"],
        means: Float64[np.ndarray, "c c"],
    ) -> Float64[np.ndarray, "c c"]:
        linkage, metric, n = self._settings.linkage, self._settings.metric, self._counts
        if linkage == "none":
            return np.zeros_like(pairs)
        if linkage == "centroid" and metric == "cosine":
            lengths = np.sqrt(np.maximum(1 - within / (2 * n**2), 1e-24))
            return np.maximum(1 - (1 - self._squared / (2 * pairs)) / np.outer(lengths, lengths), 0)
        if linkage == "centroid":
            return np.sqrt(means) if metric == "euclidean" else means
        if linkage == "single":
            assert self._plain is not None
            return {
                "euclidean": self._plain,
                "jaccard": self._plain,
                "sqeuclidean": self._plain**2,
                "cosine": self._plain**2 / 2,
            }[metric]
        total = self._plain if metric in ("euclidean", "jaccard") else self._squared
        assert total is not None
        mean = total / pairs * (0.5 if metric == "cosine" else 1.0)
        if linkage == "average":
            return mean
        own = np.diag(mean)
        return np.maximum(2 * mean - own[:, None] - own[None, :], 0)


def _gathered(
    matrix: Float64[np.ndarray, "c c"], groups: Int64[np.ndarray, " c"], fold: np.ufunc
) -> Float64[np.ndarray, "k k"]:
    """Reduce the rows and columns of each group by `fold`."""
    order, starts = np.argsort(groups, kind="stable"), _starts(groups)
    return fold.reduceat(fold.reduceat(matrix[order][:, order], starts, axis=0), starts, axis=1)


def _starts(groups: Int64[np.ndarray, " c"]) -> Int64[np.ndarray, " k"]:
    """Start of each group after sorting by group."""
    return np.concatenate([[0], np.cumsum(np.bincount(groups))[:-1]])
