"""Evaluation without labels: cluster quality, a calibrated similarity threshold, and human verification."""

from reseen.audit.answers import GROUP, Answer, pair_constraints, read_answers, write_answers
from reseen.audit.calibration import FALSE_MATCHES, AnsweredPairs, Calibration, calibrate
from reseen.audit.cluster_metrics import (
    CameraMixing,
    camera_mixing,
    clustering_agreement,
    feature_std,
    silhouette,
)
from reseen.audit.estimate import ProportionEstimate, Tally, precision, proportion, recall
from reseen.audit.next_question import choose_pair, order_cells
from reseen.audit.pair_pool import PairPool, plan_pool, with_clusters
from reseen.audit.random_pairs import Rarity, random_pair_rarity
from reseen.audit.score import MAX_SILHOUETTES, AuditScores, best_index, measure, round_scores, should_stop
from reseen.audit.strata import Stratum, allocate_questions, draw_pairs, plan_strata

__all__ = [
    "FALSE_MATCHES",
    "GROUP",
    "MAX_SILHOUETTES",
    "Answer",
    "AnsweredPairs",
    "AuditScores",
    "Calibration",
    "CameraMixing",
    "PairPool",
    "ProportionEstimate",
    "Rarity",
    "Stratum",
    "Tally",
    "allocate_questions",
    "best_index",
    "calibrate",
    "camera_mixing",
    "choose_pair",
    "clustering_agreement",
    "draw_pairs",
    "feature_std",
    "measure",
    "order_cells",
    "pair_constraints",
    "plan_pool",
    "plan_strata",
    "precision",
    "proportion",
    "random_pair_rarity",
    "read_answers",
    "recall",
    "round_scores",
    "should_stop",
    "silhouette",
    "with_clusters",
    "write_answers",
]
