"""Clusters of whole images: to learn from, or for a method that learns from none, to look at and to audit."""

from reseen.cluster import Clustering, cluster_features
from reseen.errors import TrainingError
from reseen.methods.base import MethodContext
from reseen.methods.global_patch_settings import ClusterBranchSettings, GlobalPatchSettings
from reseen.neighbors import credible_groups, credible_neighbors
from reseen.records import Features, PseudoLabels


def display_clusters(features: Features, settings: GlobalPatchSettings, device: str) -> Clustering:
    """As cluster contrast clusters; where that finds none, the groups that credible neighbors connect.

    Such groups are no clusters to speak of: chains of neighbors connect most of the crops.
    """
    clusters = settings.clusters
    try:
        return cluster_features(features, clusters.jaccard, clusters.dbscan, device)
    except TrainingError as error:
        groups = credible_groups(credible_neighbors(features, settings.credible, device))
        note = f"no clusters to look at, but groups that credible neighbors connect: {error}"
        return Clustering(PseudoLabels(groups), notes=(note,))


def learned_clusters(
    features: Features, clusters: ClusterBranchSettings, context: MethodContext, strictness: int
) -> Clustering:
    """Clusters that whole images are contrasted with, by settings made stricter by so many steps."""
    device = context.device.type
    return cluster_features(features, clusters.jaccard, clusters.dbscan, device, context.copies, strictness)
