"""Retrieval evaluation: ranking, metrics and protocols. The only stage that uses identities."""

from reseen.evaluate.labeled import LabeledFeatures, labeled_task
from reseen.evaluate.metrics import RetrievalScore, evaluate, score
from reseen.evaluate.protocols import market, video
from reseen.evaluate.ranking import Ranking, rank_positives, top_ranked
from reseen.evaluate.sampled_protocols import cuhk03_classic, vehicle_id
from reseen.evaluate.scoring import ScoringOptions, score_by
from reseen.evaluate.task import RetrievalTask

__all__ = [
    "LabeledFeatures",
    "Ranking",
    "RetrievalScore",
    "RetrievalTask",
    "ScoringOptions",
    "cuhk03_classic",
    "evaluate",
    "labeled_task",
    "market",
    "rank_positives",
    "score",
    "score_by",
    "top_ranked",
    "vehicle_id",
    "video",
]
