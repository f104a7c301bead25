"""Sphere contrast: SSE-regularized hierarchical clustering, and the loss of cluster contrast.

Each round: unit features -> agglomerative clustering from single crops, by average distance plus weighted sums of
squared errors -> contrast with the centroids of the clusters. There is no radius to choose: the number of clusters
follows from the merging schedule.

References: our reconstruction of the clustering from the abstract of Zheng et al., "Clustering matters: sphere feature
for fully unsupervised person re-identification", ACM TOMM 2022; the loss of Dai et al., ACCV 2022.
"""

from typing import Literal

from reseen.cluster.clusterings import AnyClustering, HierarchicalClustering
from reseen.methods.cluster_contrast import CentroidContrast, ContrastSettings


class SphereContrastSettings(ContrastSettings):
    """Settings of `sphere-contrast`: as cluster contrast, with hierarchical clustering."""

    name: Literal["sphere-contrast"] = "sphere-contrast"

    clustering: AnyClustering = HierarchicalClustering()
    """The clustering."""


class SphereContrast(CentroidContrast):
    """Contrast with the centroids of hierarchical clusters."""

    takes_kept_views = True
