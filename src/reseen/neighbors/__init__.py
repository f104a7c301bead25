"""Nearest neighbors, credible neighbors, k-reciprocal Jaccard distance, re-ranking, and query expansion."""

from reseen.neighbors.credible import (
    CredibleSettings,
    constrain_neighbors,
    credible_groups,
    credible_neighbors,
    is_mutual,
)
from reseen.neighbors.jaccard import JaccardSettings, jaccard_distance
from reseen.neighbors.knn import nearest
from reseen.neighbors.rerank import Reranked, RerankSettings, expand_queries

__all__ = [
    "CredibleSettings",
    "JaccardSettings",
    "RerankSettings",
    "Reranked",
    "constrain_neighbors",
    "credible_groups",
    "credible_neighbors",
    "expand_queries",
    "is_mutual",
    "jaccard_distance",
    "nearest",
]
