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
from reseen.audit.next_question import choose_pair, order_cells
from reseen.audit.pair_pool import PairPool, plan_pool, with_clusters
from reseen.audit.random_pairs import Rarity, random_pair_rarity
from reseen.audit.round_health import LEVELS, MAX_SILHOUETTES, Alarm, Level, RoundHealth, round_health
from reseen.audit.signals import Probe, crop_signals, probe_score
from reseen.audit.strata import (
    ProportionEstimate,
    Stratum,
    Tally,
    allocate_questions,
    draw_pairs,
    plan_strata,
    precision,
    proportion,
    recall,
)
from reseen.audit.tracklet_pairs import TrackletPairs
from reseen.audit.verdict import (
    SignalChange,
    Verdict,
    best_index,
    judge,
    round_scores,
    should_stop,
    verdict_lines,
)

__all__ = [
    "FALSE_MATCHES",
    "GROUP",
    "LEVELS",
    "MAX_SILHOUETTES",
    "Alarm",
    "Answer",
    "AnsweredPairs",
    "Calibration",
    "CameraMixing",
    "Level",
    "PairPool",
    "Probe",
    "ProportionEstimate",
    "Rarity",
    "RoundHealth",
    "SignalChange",
    "Stratum",
    "Tally",
    "TrackletPairs",
    "Verdict",
    "allocate_questions",
    "best_index",
    "calibrate",
    "camera_mixing",
    "choose_pair",
    "clustering_agreement",
    "crop_signals",
    "draw_pairs",
    "feature_std",
    "judge",
    "order_cells",
    "pair_constraints",
    "plan_pool",
    "plan_strata",
    "precision",
    "probe_score",
    "proportion",
    "random_pair_rarity",
    "read_answers",
    "recall",
    "round_health",
    "round_scores",
    "should_stop",
    "silhouette",
    "verdict_lines",
    "with_clusters",
    "write_answers",
]
