"""Vectors to who is near whom: exact nearest rows, the sparse k-reciprocal Jaccard distance, and re-ranking by it."""

from reseen.neighbors.expansion import expand_queries
from reseen.neighbors.jaccard import JaccardSettings, jaccard_distance
from reseen.neighbors.knn import nearest
from reseen.neighbors.rerank import Reranked, RerankSettings

__all__ = [
    "JaccardSettings",
    "RerankSettings",
    "Reranked",
    "expand_queries",
    "jaccard_distance",
    "nearest",
]
