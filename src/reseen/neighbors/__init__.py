"""Vectors to who is near whom: exact nearest rows and the sparse k-reciprocal Jaccard distance."""

from reseen.neighbors.jaccard import JaccardSettings, jaccard_distance
from reseen.neighbors.knn import nearest

__all__ = ["JaccardSettings", "jaccard_distance", "nearest"]
