"""Clustering to pseudo-labels: DBSCAN on sparse Jaccard distances, hierarchical clustering, and cluster statistics."""

from reseen.cluster.agglomerative import merge_features, tracklet_groups
from reseen.cluster.auto_settings import EpsilonChoice, SettingsChoice, choose_eps, choose_settings
from reseen.cluster.blended_parts import blend_parts
from reseen.cluster.camera_disputes import cluster_within_cameras, disputed_crops
from reseen.cluster.centering import center_cameras
from reseen.cluster.cluster_cameras import CameraSets, camera_sets, entropy_weights
from reseen.cluster.clustering import Clustering, ClusterQuality, cluster_quality, exclude, prune
from reseen.cluster.constraints import (
    Constraints,
    TrackletConstraints,
    TrackletRule,
    constrain,
    tracklet_constraints,
)
from reseen.cluster.dbscan import DbscanSettings, dbscan
from reseen.cluster.jaccard_dbscan import STRICTER_STEPS, cluster_features, stricter
from reseen.cluster.membership import Membership, measure_among_neighbors, measure_membership
from reseen.cluster.near_copies import group_near_copies

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
    "blend_parts",
    "camera_sets",
    "center_cameras",
    "choose_eps",
    "choose_settings",
    "cluster_features",
    "cluster_quality",
    "cluster_within_cameras",
    "constrain",
    "dbscan",
    "disputed_crops",
    "entropy_weights",
    "exclude",
    "group_near_copies",
    "measure_among_neighbors",
    "measure_membership",
    "merge_features",
    "prune",
    "stricter",
    "tracklet_constraints",
    "tracklet_groups",
]
