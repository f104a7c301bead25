"""Neighbors to pseudo labels: DBSCAN on sparse Jaccard distances, and what the result looks like."""

from reseen.cluster.centering import center_cameras
from reseen.cluster.dbscan import DbscanSettings, dbscan
from reseen.cluster.epsilon import EpsilonChoice, choose_eps
from reseen.cluster.quality import ClusterQuality, cluster_quality
from reseen.cluster.rounds import Clustering, cluster_features

__all__ = [
    "ClusterQuality",
    "Clustering",
    "DbscanSettings",
    "EpsilonChoice",
    "center_cameras",
    "choose_eps",
    "cluster_features",
    "cluster_quality",
    "dbscan",
]
