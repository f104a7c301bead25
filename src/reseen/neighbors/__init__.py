"""Vectors to who is near whom: exact nearest rows, those to believe, and the sparse k-reciprocal Jaccard distance."""

from reseen.neighbors.credible import CredibleSettings, credible_groups, credible_neighbors
from reseen.neighbors.jaccard import JaccardSettings, jaccard_distance
from reseen.neighbors.knn import nearest

__all__ = [
    "CredibleSettings",
    "JaccardSettings",
    "credible_groups",
    "credible_neighbors",
    "jaccard_distance",
    "nearest",
]
