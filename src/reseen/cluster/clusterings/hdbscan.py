"""HDBSCAN on k-reciprocal Jaccard distances, by scikit-learn.

HDBSCAN finds clusters of different densities with one setting, the minimum size of a cluster, where DBSCAN has one
radius for all people. Distances are sparse; a missing one counts as 1, the largest Jaccard distance, which is exact for
rows that share no neighbor. scikit-learn clusters 10,000 rows with 2.5 million distances in one CPU-second, less than
computing the distances takes, so a faster library would gain little.

Reference: Campello et al., "Density-based clustering based on hierarchical density estimates", PAKDD 2013.
"""

import time
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator
from scipy.sparse import csr_array

from reseen.cluster.clustering import Clustering
from reseen.cluster.clusterings.base import AbstractClustering, ClusteringContext
from reseen.cluster.near_copies import cluster_distinct
from reseen.errors import TrainingError
from reseen.neighbors import JaccardSettings, jaccard_distance, nearest
from reseen.neighbors.jaccard import PASSES, jaccard_rows
from reseen.records import Features, Neighbors, PseudoLabels, contiguous

_NO_AUTO = "hdbscan requires numbers, auto is only for dbscan"
_SMALLEST_DISTANCE = 1e-6
"""Smaller distances are set to this, because a sparse distance of 0 would not be an edge of the spanning tree."""
_FEWEST_CLUSTERS = 2
_BYTES_PER_PAIR = 70
"""Peak bytes per stored distance (65 measured): float64 copies, their transpose and the spanning tree."""
_PAIRS_PER_NEIGHBOR = 6
"""Stored distances per row and neighbor (at most 5.2 measured, on features of an untrained encoder)."""


class HdbscanClustering(AbstractClustering):
    """HDBSCAN on k-reciprocal Jaccard distances; has no radius to choose."""

    finds_outliers: ClassVar[bool] = True

    name: Literal["hdbscan"] = "hdbscan"

    min_cluster_size: Annotated[int, Field(ge=2)] = 4
    """Minimum number of images in a cluster."""

    min_samples: Annotated[int, Field(ge=1)] = 4
    """Number of neighbors, including the image itself, for its core distance; larger values give more outliers."""

    selection: Literal["eom", "leaf"] = "eom"
    """Which clusters of the hierarchy to select: the most stable ones (excess of mass), or the leaves, which are
    smaller and more equal in size."""

    epsilon: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Clusters nearer than this Jaccard distance are not split."""

    max_distance: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Jaccard distances above this count as 1; smaller values need less memory."""

    jaccard: JaccardSettings = JaccardSettings()
    """The distance that is clustered."""

    @field_validator("min_cluster_size", "min_samples", mode="before")
    @classmethod
    def _no_auto(cls, value: Any) -> Any:
        if value == "auto":
            raise ValueError(f"{_NO_AUTO}; give a whole number, such as 4")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> "HdbscanClustering":
        if "auto" in (self.jaccard.k1, self.jaccard.k2):
            raise ValueError(f"{_NO_AUTO}; give jaccard.k1 and jaccard.k2, such as 30 and 6")
        if self.epsilon > self.max_distance:
            raise ValueError("epsilon is a distance up to max_distance; lower it, or raise max_distance")
        return self

    def cluster(self, features: Features, context: ClusteringContext = ClusteringContext()) -> Clustering:
        """Cluster by HDBSCAN on sparse Jaccard distances of neighbors.

        Raises:
            TrainingError: fewer than two clusters are found.

        Example:
            labels = HdbscanClustering(min_cluster_size=5).cluster(features).labels
        """
        return cluster_distinct(features, context.copies, lambda distinct: self._cluster(distinct, context))

    def _cluster(self, features: Features, context: ClusteringContext) -> Clustering:
        began = time.perf_counter()
        self._check_enough(len(features))
        context.phase("clustering", 1)
        neighbors = nearest(features, self.jaccard.columns, context.device)
        searched = time.perf_counter()
        distances = jaccard_distance(features, neighbors, self.jaccard, self.max_distance, context.device)
        compared = time.perf_counter()
        labels = self._labels(distances)
        seconds = {
            "neighbors": searched - began,
            "jaccard": compared - searched,
            "hdbscan": time.perf_counter() - compared,
        }
        if labels.cluster_count < _FEWEST_CLUSTERS:
            raise TrainingError(
                f"expected at least two clusters of {len(features)} images, got {labels.cluster_count} with "
                f"clustering.min_cluster_size {self.min_cluster_size} and clustering.min_samples {self.min_samples}; "
                "lower them or clustering.jaccard.k1, or start from pretrained weights"
            )
        return Clustering(labels, notes=(self._note(labels),), seconds=seconds)

    @property
    def neighbors(self) -> int:
        """The neighbors of the Jaccard distance."""
        return self.jaccard.columns

    def check_out_of_core(self) -> None:
        """Do nothing: vectors can be on disk, but distances are in memory (`out_of_core_bytes`)."""

    def out_of_core_bytes(self, rows: int, dimension: int, threads: int) -> int:  # noqa: ARG002
        """Memory in bytes of all distances and the spanning tree."""
        return rows * self.neighbors * _PAIRS_PER_NEIGHBOR * _BYTES_PER_PAIR

    def cluster_neighbors(
        self, features: Features, neighbors: Neighbors, context: ClusteringContext
    ) -> Clustering:
        """Cluster by HDBSCAN on distances in memory, from given neighbors."""
        n = len(features)
        self._check_enough(n)
        progress = context.phase("Jaccard distances", PASSES * n)
        start, columns, values = jaccard_rows(
            features, neighbors, self.jaccard, self.max_distance, allocate=context.allocate, progress=progress
        )
        context.finish_stage("jaccard")
        context.phase("HDBSCAN", 1)
        labels = self._labels(csr_array((values, columns, start), shape=(n, n)))
        context.finish_stage("hdbscan")
        return Clustering(labels, notes=(self._note(labels),))

    def _check_enough(self, rows: int) -> None:
        fewest = max(self.min_cluster_size, self.min_samples)
        if rows < fewest:
            raise TrainingError(
                f"clustering.min_cluster_size {self.min_cluster_size} and clustering.min_samples {self.min_samples} "
                f"need at least {fewest} images, got {rows}; lower them, or add images"
            )

    def _labels(self, distances: csr_array) -> PseudoLabels:
        from sklearn.cluster import HDBSCAN  # type: ignore[missing-module-attribute]

        model = HDBSCAN(
            min_cluster_size=self.min_cluster_size,
            min_samples=self.min_samples,
            cluster_selection_method=self.selection,
            cluster_selection_epsilon=self.epsilon,
            metric="precomputed",
            copy=False,
        )
        return contiguous(model.fit(connected(distances, self.min_samples)).labels_.astype(np.int64))

    def _note(self, labels: PseudoLabels) -> str:
        return (
            f"HDBSCAN with min_cluster_size {self.min_cluster_size} and min_samples {self.min_samples}: "
            f"{labels.cluster_count:,} clusters, {labels.noise_share:.0%} of the images in none"
        )


def connected(distances: csr_array, fewest: int) -> csr_array:
    """Add entries of 1 to sparse distances, so that all rows are connected and have at least `fewest` entries.

    Args:
        distances: symmetric (n, n), with the diagonal; a missing entry means 1.
        fewest: minimum number of entries per row, including the diagonal.

    Returns:
        A symmetric matrix of float64; entries are at least 1e-6, also on the diagonal.
    """
    n, known = len(distances.indptr) - 1, distances.tocoo()
    steps = np.arange(
        1, min(max(1, fewest // 2), n - 1) + 1
    )  # a ring, with this many neighbors on either side
    first = np.tile(np.arange(n), len(steps))
    second = (first + np.repeat(steps, n)) % n
    rows = np.concatenate([known.row, first, second]).astype(np.int64)
    columns = np.concatenate([known.col, second, first])
    values = np.concatenate(
        [np.maximum(known.data.astype(np.float64), _SMALLEST_DISTANCE), np.ones(2 * len(first))]
    )
    # of equal keys the first is selected, so known distances are kept
    keys, first_index = np.unique(rows * n + columns, return_index=True)
    return csr_array((values[first_index], (keys // n, keys % n)), shape=(n, n))
