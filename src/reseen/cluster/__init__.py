"""Clustering to pseudo-labels: DBSCAN on sparse Jaccard distances, hierarchical clustering, and cluster statistics."""

from reseen.cluster.agglomerative import merge_features, tracklet_groups
from reseen.cluster.centering import center_cameras
from reseen.cluster.clustering import Clustering, ClusterQuality, cluster_quality
from reseen.cluster.constraints import Constraints, constrain
from reseen.cluster.dbscan import DbscanSettings, dbscan
from reseen.cluster.jaccard_dbscan import EpsilonChoice, choose_eps, cluster_features
from reseen.cluster.membership import Membership, measure_among_neighbors, measure_membership
from reseen.cluster.stricter import STRICTER_STEPS, stricter

__all__ = [
    "STRICTER_STEPS",
    "ClusterQuality",
    "Clustering",
    "Constraints",
    "DbscanSettings",
    "EpsilonChoice",
    "Membership",
    "center_cameras",
    "choose_eps",
    "cluster_features",
    "cluster_quality",
    "constrain",
    "dbscan",
    "measure_among_neighbors",
    "measure_membership",
    "merge_features",
    "stricter",
    "tracklet_groups",
]
