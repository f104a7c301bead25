"""Ranks, scores and the page that shows them. Identities are read here and nowhere else."""

from reseen.evaluate.metrics import RetrievalScore, evaluate, score
from reseen.evaluate.protocols import market
from reseen.evaluate.ranking import Ranking, RetrievalTask, rank_positives, top_ranked

__all__ = [
    "Ranking",
    "RetrievalScore",
    "RetrievalTask",
    "evaluate",
    "market",
    "rank_positives",
    "score",
    "top_ranked",
]
