"""Agglomerative (bottom-up) hierarchical clustering with a regularized merge cost."""

from reseen.cluster.hierarchy.grow import grow_hierarchy, most_merges
from reseen.cluster.hierarchy.history import Hierarchy
from reseen.cluster.hierarchy.settings import HierarchySettings
from reseen.cluster.hierarchy.shared_neighbors import PAIR_BYTES, count_shared_pairs
from reseen.cluster.hierarchy.whole import WholeTree, whole_tree

__all__ = [
    "PAIR_BYTES",
    "Hierarchy",
    "HierarchySettings",
    "WholeTree",
    "count_shared_pairs",
    "grow_hierarchy",
    "most_merges",
    "whole_tree",
]
