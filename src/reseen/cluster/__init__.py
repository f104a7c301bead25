"""Neighbors to pseudo labels: DBSCAN on sparse Jaccard distances, bottom-up merging, and what the result looks like."""

from reseen.cluster.centering import center_cameras
from reseen.cluster.clustering import Clustering
from reseen.cluster.constraints import Constraints, constrain
from reseen.cluster.dbscan import DbscanSettings, dbscan
from reseen.cluster.epsilon import EpsilonChoice, choose_eps
from reseen.cluster.membership import Membership, measure_among_neighbors, measure_membership
from reseen.cluster.merged import merge_features, tracklet_groups
from reseen.cluster.quality import ClusterQuality, cluster_quality
from reseen.cluster.rounds import cluster_features

__all__ = [
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
    "tracklet_groups",
]
