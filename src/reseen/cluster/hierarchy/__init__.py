"""Bottom-up merging of vectors into clusters, with a regularized cost."""

from reseen.cluster.hierarchy.grow import grow_hierarchy
from reseen.cluster.hierarchy.history import Hierarchy
from reseen.cluster.hierarchy.settings import HierarchySettings

__all__ = ["Hierarchy", "HierarchySettings", "grow_hierarchy"]
