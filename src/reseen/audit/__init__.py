"""Evaluation without labels: cluster quality, a calibrated similarity threshold, and human verification."""

from reseen.audit.answers import GROUP, Answer, pair_constraints, read_answers, write_answers
from reseen.audit.calibration import Calibration, Evidence, calibrate
from reseen.audit.cluster_metrics import (
    CameraMixing,
    camera_mixing,
    clustering_agreement,
    feature_std,
    silhouette,
)
from reseen.audit.estimate import ProportionEstimate, Tally, precision, proportion, recall
from reseen.audit.gather import AnsweredPairs, gather_evidence
from reseen.audit.mixture import Mixture, fit_mixture
from reseen.audit.score import MAX_SILHOUETTES, AuditScores, best_index, measure, round_scores, should_stop
from reseen.audit.strata import Stratum, allocate_questions, draw_pairs, plan_strata

__all__ = [
    "GROUP",
    "MAX_SILHOUETTES",
    "Answer",
    "AnsweredPairs",
    "AuditScores",
    "Calibration",
    "CameraMixing",
    "Evidence",
    "Mixture",
    "ProportionEstimate",
    "Stratum",
    "Tally",
    "allocate_questions",
    "best_index",
    "calibrate",
    "camera_mixing",
    "clustering_agreement",
    "draw_pairs",
    "feature_std",
    "fit_mixture",
    "gather_evidence",
    "measure",
    "pair_constraints",
    "plan_strata",
    "precision",
    "proportion",
    "read_answers",
    "recall",
    "round_scores",
    "should_stop",
    "silhouette",
    "write_answers",
]
