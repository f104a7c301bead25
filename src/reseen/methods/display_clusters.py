"""Clusters of whole images: to learn from, or for a method that learns from none, to look at and to audit."""

from reseen.cluster import Clustering
from reseen.cluster.clusterings import ClusteringContext
from reseen.errors import TrainingError
from reseen.methods.base import MethodContext
from reseen.methods.global_patch_settings import GlobalPatchSettings
from reseen.neighbors import credible_groups, credible_neighbors
from reseen.records import Features, PseudoLabels


def display_clusters(features: Features, settings: GlobalPatchSettings, context: MethodContext) -> Clustering:
    """As cluster contrast clusters; where that finds none, the groups that credible neighbors connect.

    Such groups are no clusters to speak of: chains of neighbors connect most of the crops.
    """
    device = context.device.type
    try:
        return settings.clusters.clustering.cluster(features, ClusteringContext(device))
    except TrainingError as error:
        groups = credible_groups(credible_neighbors(features, settings.credible, device))
        note = f"no clusters to look at, but groups that credible neighbors connect: {error}"
        return Clustering(PseudoLabels(groups), notes=(note,))
