"""Sphere contrast: hierarchical clusters, balanced by their sums of squares, under the loss of cluster contrast.

Each round: unit features -> every crop a cluster -> the cheapest pairs merge, step by step, at average distance plus
weighted sums of squares -> contrast with the centroids of the clusters. There is no radius to choose: how many
clusters are left follows from the schedule.

References: the clustering after the abstract of Zheng et al., "Clustering matters: sphere feature for fully
unsupervised person re-identification", ACM TOMM 2022, in our reconstruction; the loss of Dai et al., ACCV 2022.
"""

from typing import Literal

from reseen.cluster.clusterings import AnyClustering, HierarchicalClustering
from reseen.methods.cluster_contrast import CentroidContrast, ContrastSettings


class SphereContrastSettings(ContrastSettings):
    """Schedule and regularizer of the reconstruction; the rest as cluster contrast."""

    name: Literal["sphere-contrast"] = "sphere-contrast"

    clustering: AnyClustering = HierarchicalClustering()
    """The clustering."""


class SphereContrast(CentroidContrast):
    """Contrast with the centroids of clusters that grew bottom-up."""
