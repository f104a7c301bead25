"""Vectors to who is near whom: nearest rows, those to believe, the sparse k-reciprocal Jaccard distance, re-ranking."""

from reseen.neighbors.credible import (
    CredibleSettings,
    constrain_neighbors,
    credible_groups,
    credible_neighbors,
)
from reseen.neighbors.expansion import expand_queries
from reseen.neighbors.jaccard import JaccardSettings, jaccard_distance
from reseen.neighbors.knn import nearest
from reseen.neighbors.rerank import Reranked, RerankSettings

__all__ = [
    "CredibleSettings",
    "JaccardSettings",
    "RerankSettings",
    "Reranked",
    "constrain_neighbors",
    "credible_groups",
    "credible_neighbors",
    "expand_queries",
    "jaccard_distance",
    "nearest",
]
