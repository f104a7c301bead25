"""Agglomerative (bottom-up) hierarchical clustering with a regularized merge cost."""

from reseen.cluster.hierarchy.grow import WholeTree, grow_hierarchy, most_merges, whole_tree
from reseen.cluster.hierarchy.history import Hierarchy
from reseen.cluster.hierarchy.settings import HierarchySettings
from reseen.cluster.hierarchy.shared_neighbors import PAIR_BYTES, count_shared_pairs

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
