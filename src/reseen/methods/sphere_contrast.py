"""Sphere contrast: hierarchical clusters, balanced by their sums of squares, under the loss of cluster contrast.

Each round: unit features -> every crop a cluster -> the cheapest pairs merge, step by step, at average distance plus
weighted sums of squares -> contrast with the centroids of the clusters. There is no radius to choose: how many
clusters are left follows from the schedule.

References: the clustering after the abstract of Zheng et al., "Clustering matters: sphere feature for fully
unsupervised person re-identification", ACM TOMM 2022, in our reconstruction; the loss of Dai et al., ACCV 2022.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from reseen.cluster import Clustering, merge_features
from reseen.cluster.hierarchy import HierarchySettings
from reseen.conditions import When
from reseen.methods.cluster_contrast import CentroidContrast, ContrastSettings
from reseen.methods.raw_vectors import raw_vectors
from reseen.records import Features


class SphereContrastSettings(ContrastSettings):
    """Schedule and regularizer of the reconstruction; the rest as cluster contrast."""

    name: Literal["sphere-contrast"] = "sphere-contrast"

    hierarchy: HierarchySettings = HierarchySettings()
    """The clustering."""

    tracklets: bool = True
    """Crops of one tracklet start as one cluster, where tracklets are known; false: every crop starts alone."""

    smallest_cluster: Annotated[int, Field(ge=1)] = 2
    """Clusters of fewer crops sit the round out; 1 keeps lone crops."""

    drop_doubtful: bool = False
    """Crops that are nearer to another cluster's mean direction than to their own's sit the round out."""

    @property
    def hierarchical(self) -> HierarchySettings | None:
        """The `hierarchy`."""
        return self.hierarchy

    def recipe_conditions(self) -> Mapping[str, When]:
        """Raw vectors are clustered where the encoder gives any."""
        return {**super().recipe_conditions(), **raw_vectors(self.hierarchy)}


class SphereContrast(CentroidContrast):
    """Contrast with the centroids of clusters that grew bottom-up."""

    def cluster(self, features: Features) -> Clustering:
        """Merge from single crops or tracklets on; clusters that stay too small sit the round out."""
        settings = self._settings
        tracklets = self.context.tracklets if settings.tracklets else None
        return merge_features(
            features, settings.hierarchy, settings.smallest_cluster, tracklets, settings.drop_doubtful
        )
