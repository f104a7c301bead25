"""What can be said of a run without labels: how good its clusters are, and which similarity means one person."""

from reseen.audit.answers import GROUP, Answer, links, read_answers, write_answers
from reseen.audit.calibration import Calibration, Evidence, calibrate
from reseen.audit.cluster_metrics import (
    CameraMixing,
    camera_mixing,
    clustering_agreement,
    feature_std,
    silhouette,
)
from reseen.audit.estimate import ProportionEstimate, Tally, precision, recall, share
from reseen.audit.gather import AnsweredPairs, gather_evidence
from reseen.audit.mixture import Mixture, fit_mixture
from reseen.audit.score import MOST_SILHOUETTES, AuditScores, best, measure, round_scores, should_stop
from reseen.audit.strata import Stratum, draw_pairs, plan_strata, share_out

__all__ = [
    "GROUP",
    "MOST_SILHOUETTES",
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
    "best",
    "calibrate",
    "camera_mixing",
    "clustering_agreement",
    "draw_pairs",
    "feature_std",
    "fit_mixture",
    "gather_evidence",
    "links",
    "measure",
    "plan_strata",
    "precision",
    "read_answers",
    "recall",
    "round_scores",
    "share",
    "share_out",
    "should_stop",
    "silhouette",
    "write_answers",
]
