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
from reseen.audit.probe import Probe
from reseen.audit.round_health import LEVELS, MAX_SILHOUETTES, Alarm, Level, RoundHealth, round_health
from reseen.audit.selection import best_index, round_scores, should_stop
from reseen.audit.signals import crop_signals, probe_score
from reseen.audit.strata import Stratum, allocate_questions, draw_pairs, plan_strata
from reseen.audit.verdict import SignalChange, Verdict, judge, verdict_lines

__all__ = [
    "GROUP",
    "LEVELS",
    "MAX_SILHOUETTES",
    "Alarm",
    "Answer",
    "AnsweredPairs",
    "Calibration",
    "CameraMixing",
    "Evidence",
    "Level",
    "Mixture",
    "Probe",
    "ProportionEstimate",
    "RoundHealth",
    "SignalChange",
    "Stratum",
    "Tally",
    "Verdict",
    "allocate_questions",
    "best_index",
    "calibrate",
    "camera_mixing",
    "clustering_agreement",
    "crop_signals",
    "draw_pairs",
    "feature_std",
    "fit_mixture",
    "gather_evidence",
    "judge",
    "pair_constraints",
    "plan_strata",
    "precision",
    "probe_score",
    "proportion",
    "read_answers",
    "recall",
    "round_health",
    "round_scores",
    "should_stop",
    "silhouette",
    "verdict_lines",
    "write_answers",
]
