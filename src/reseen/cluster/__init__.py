"""Clustering to pseudo-labels: DBSCAN on sparse Jaccard distances, hierarchical clustering, and cluster statistics."""

from reseen.cluster.agglomerative import merge_features, tracklet_groups
from reseen.cluster.auto_settings import SettingsChoice, choose_settings
from reseen.cluster.centering import center_cameras
from reseen.cluster.choose_eps import EpsilonChoice, choose_eps
from reseen.cluster.cluster_cameras import CameraSets, camera_sets, entropy_weights
from reseen.cluster.clustering import Clustering, ClusterQuality, cluster_quality
from reseen.cluster.constraints import Constraints, constrain
from reseen.cluster.dbscan import DbscanSettings, dbscan
from reseen.cluster.jaccard_dbscan import cluster_features
from reseen.cluster.membership import Membership, measure_among_neighbors, measure_membership
from reseen.cluster.near_copies import group_near_copies
from reseen.cluster.prune import prune
from reseen.cluster.stricter import STRICTER_STEPS, stricter
from reseen.cluster.tracklet_constraints import TrackletConstraints, TrackletRule, tracklet_constraints

__all__ = [
    "STRICTER_STEPS",
    "CameraSets",
    "ClusterQuality",
    "Clustering",
    "Constraints",
    "DbscanSettings",
    "EpsilonChoice",
    "Membership",
    "SettingsChoice",
    "TrackletConstraints",
    "TrackletRule",
    "camera_sets",
    "center_cameras",
    "choose_eps",
    "choose_settings",
    "cluster_features",
    "cluster_quality",
    "constrain",
    "dbscan",
    "entropy_weights",
    "group_near_copies",
    "measure_among_neighbors",
    "measure_membership",
    "merge_features",
    "prune",
    "stricter",
    "tracklet_constraints",
    "tracklet_groups",
]
