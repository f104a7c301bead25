"""Cluster contrast: the field's standard baseline.

Each round: features -> k-reciprocal Jaccard distance -> DBSCAN -> contrast with the centroids of the clusters.

Reference: Dai et al., "Cluster contrast for unsupervised person re-identification", ACCV 2022, section 3.
"""

from typing import Literal

from reseen.cluster import Clustering, DbscanSettings, cluster_features
from reseen.methods.contrasting import CentroidContrast, ContrastSettings
from reseen.neighbors import JaccardSettings
from reseen.records import Features


class ClusterContrastSettings(ContrastSettings):
    """Defaults of the literature."""

    name: Literal["cluster-contrast"] = "cluster-contrast"

    jaccard: JaccardSettings = JaccardSettings()
    """The distance that is clustered."""

    dbscan: DbscanSettings = DbscanSettings()
    """The clustering."""


class ClusterContrast(CentroidContrast):
    """Contrast with the centroids of DBSCAN's clusters."""

    def cluster(self, features: Features) -> Clustering:
        """DBSCAN on the k-reciprocal Jaccard distance; what it leaves out sits the round out."""
        settings = self._settings
        return cluster_features(features, settings.jaccard, settings.dbscan, self._around.device.type)
