"""DBSCAN on k-reciprocal Jaccard distances, the field's standard clustering."""

from typing import ClassVar, Literal

from reseen.cluster.auto_settings import CANDIDATES, choose_eps
from reseen.cluster.clustering import Clustering
from reseen.cluster.clusterings.base import AbstractClustering, ClusteringContext
from reseen.cluster.dbscan import DbscanSettings, dbscan
from reseen.cluster.jaccard_dbscan import STRICTER_STEPS, cluster_features
from reseen.neighbors import JaccardSettings
from reseen.neighbors.jaccard import PASSES, jaccard_rows
from reseen.records import Features, Neighbors

_PER_ROW, _PER_THREAD = 110, 12
"""Bytes per row out of core: row offsets and lengths of four sparse matrices; markers of each thread's loop."""


class DbscanClustering(DbscanSettings, AbstractClustering):
    """DBSCAN on k-reciprocal Jaccard distances; retries with relaxed settings if fewer than two clusters are found."""

    finds_outliers: ClassVar[bool] = True
    stricter_steps: ClassVar[int] = STRICTER_STEPS

    name: Literal["dbscan"] = "dbscan"

    jaccard: JaccardSettings = JaccardSettings()
    """The distance that is clustered."""

    def cluster(self, features: Features, context: ClusteringContext = ClusteringContext()) -> Clustering:
        """See `cluster_features`.

        Raises:
            TrainingError: fewer than two clusters with the given settings and with all relaxed ones.
        """
        return cluster_features(
            features, self.jaccard, self, context.device, context.copies, context.strictness
        )

    @property
    def neighbors(self) -> int:
        """The neighbors of the Jaccard distance."""
        return self.jaccard.columns

    def check_out_of_core(self) -> None:
        """Check that k1, k2 and min_samples are numbers; eps can be `auto`.

        Raises:
            ValueError: one of them is `auto`.
        """
        if "auto" in (self.jaccard.k1, self.jaccard.k2, self.min_samples):
            raise ValueError(
                "jaccard.k1, jaccard.k2 and min_samples: auto compares many clusterings in memory; set numbers for "
                "vectors on disk"
            )

    def out_of_core_bytes(self, rows: int, dimension: int, threads: int) -> int:  # noqa: ARG002
        """Memory in bytes of the offsets of sparse matrices, and of the markers of each thread."""
        return rows * (_PER_ROW + _PER_THREAD * threads)

    def cluster_neighbors(
        self, features: Features, neighbors: Neighbors, context: ClusteringContext
    ) -> Clustering:
        """DBSCAN on memory-mapped Jaccard distances, without retries."""
        eps, samples, notes = self.eps, self.min_samples, []
        assert samples != "auto"  # refused by `check_out_of_core`
        threshold = CANDIDATES[-1] if eps == "auto" else eps
        progress = context.phase("Jaccard distances", PASSES * len(features))
        distances = jaccard_rows(
            features, neighbors, self.jaccard, threshold, allocate=context.allocate, progress=progress
        )
        context.finish_stage("jaccard")
        context.phase("DBSCAN", 1)
        if eps == "auto":
            choice = choose_eps(distances, samples)
            notes.append(str(choice))
            eps = choice.eps
        labels = dbscan(distances, eps, samples)
        notes.append(f"DBSCAN with eps {eps:g} and min_samples {samples}")
        context.finish_stage("dbscan")
        return Clustering(labels, eps, tuple(notes))
