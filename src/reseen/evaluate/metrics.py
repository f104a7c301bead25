"""Retrieval metrics: mAP, CMC and mINP over the valid queries, those with a correct match.

References: Zheng et al. 2015 (CMC and mAP for re-identification); Ye et al. 2021, section 4.2 (mINP).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from reseen.errors import DataError
from reseen.evaluate.details import ScoreDetails, scan
from reseen.evaluate.ranking import PrecisionRule, average_precisions, rank_positives
from reseen.evaluate.task import DISTRACTOR, ZERO, Preparation, RetrievalTask
from reseen.geometry import FeatureRows, as_features
from reseen.records import UNKNOWN_CAMERA

CMC_RANKS = (1, 5, 10)
"""The ranks k at which CMC is reported."""


@dataclass(frozen=True)
class RetrievalScore:
    """Retrieval metrics of a run or of features, from 0 to 1, higher is better, with the rules they were computed by.

    Example:
        >>> score = reseen.score("runs/market", "data/Market-1501")
        >>> print(f"mAP {score.mean_average_precision:.1%}, rank-1 {score.cmc[1]:.1%}")
    """

    protocol: str
    """Name of the evaluation protocol."""
    mean_average_precision: float
    """Mean of the average precision over valid queries (mAP)."""
    cmc: dict[int, float]
    """k to CMC@k, the share of valid queries with a correct match among the first k results."""
    mean_inverse_negative_penalty: float
    """Mean over valid queries of the number of correct matches over the rank of the last one (mINP)."""
    queries: int
    """Number of queries."""
    valid_queries: int
    """Number of queries with a correct match after filtering; all means are over these."""
    gallery: int
    """Number of gallery images ranked, with distractors, without junk."""
    per_query_average_precision: Float64[np.ndarray, " q"]
    """Average precision of each query; NaN for queries without a correct match."""
    similarity: str = "cosine, float32"
    """The similarity used for ranking; raw features are ranked by Euclidean distance."""
    average_precision_rule: PrecisionRule = "step"
    """`step` or `trapezoid`, as in the Market-1501 toolbox; see `average_precisions`."""
    preparation: Preparation = field(default_factory=Preparation)
    """Processing of the features before ranking."""
    details: ScoreDetails | None = None
    """Confidence intervals, verification rates and camera pairs, if requested."""
    extra_rules: Mapping[str, Any] = field(default_factory=dict)
    """Further rules of the protocol by name, such as random draws."""
    notes: tuple[str, ...] = ()
    """Caveats on comparability, such as unknown cameras; show them together with the score."""
    distractors: str = ZERO
    """How identity 0 was treated."""

    def to_json(self) -> dict[str, Any]:
        """JSON-serializable values; scores from 0 to 1, with all rules."""
        return {
            "protocol": self.protocol,
            "mAP": self.mean_average_precision,
            "cmc": {str(k): share for k, share in self.cmc.items()},
            "mINP": self.mean_inverse_negative_penalty,
            "queries": self.queries,
            "valid_queries": self.valid_queries,
            "gallery": self.gallery,
            "notes": list(self.notes),
            **(self.details.to_json() if self.details else {}),
            "rules": {
                "similarity": self.similarity,
                "average_precision": self.average_precision_rule,
                "re_ranking": self.preparation.reranking,
                "query_expansion": self.preparation.query_expansion,
                "mirrored_features": self.preparation.mirrored,
                "whitened_features": self.preparation.whitened,
                "tracklets": self.preparation.tracklets,
                "camera_centering": self.preparation.camera_centering,
                "queries_in_gallery": self.preparation.queries_in_gallery,
                "same_person_same_camera": "removed per query",
                "unknown_camera": "equals no camera",
                "junk": "identity -1, removed",
                "distractors": self.distractors,
                "queries_without_answer": "skipped",
                "ties": "a wrong answer stands above a right one",
                **self.extra_rules,
            },
        }


def evaluate(
    query: FeatureRows,
    query_identities: Int64[np.ndarray, " q"],
    query_cameras: Int64[np.ndarray, " q"],
    gallery: FeatureRows,
    gallery_identities: Int64[np.ndarray, " g"],
    gallery_cameras: Int64[np.ndarray, " g"],
    protocol: str = "market",
) -> RetrievalScore:
    """Score query features (q, d) against gallery features (g, d); `reseen.evaluate.task` defines filtering and ties.

    Identities are 1 and up, 0 for distractors, -1 for junk; cameras are 0 and up, -1 if unknown.

    Raises:
        DataError: shapes do not match, or no query has a correct match; the message gives the reason.

    Example:
        >>> result = evaluate(query, query_identities, query_cameras, gallery, gallery_identities, gallery_cameras)
        >>> result.mean_average_precision, result.cmc[1]
    """
    task = RetrievalTask(
        as_features(query),
        as_features(gallery),
        query_identities,
        query_cameras,
        gallery_identities,
        gallery_cameras,
    )
    return score(task, protocol)


def score(
    task: RetrievalTask,
    protocol: str = "market",
    *,
    average_precision: PrecisionRule = "step",
    details: bool = False,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> RetrievalScore:
    """Score a retrieval task.

    Args:
        task: query and gallery with ground truth.
        protocol: name of the protocol, recorded in the score.
        average_precision: `step` or `trapezoid`, see `average_precisions`.
        details: also compute confidence intervals, verification rates and camera pairs.
        seed: random seed of the bootstrap.
        progress: called with the number of queries just ranked.

    Raises:
        DataError: no query has a correct match; the message gives the reason.

    Example:
        >>> score(task, details=True).details.intervals["mAP"]
    """
    check_has_matches(task)
    if details:
        ranks, score_details = scan(task, average_precision, seed, progress)
    else:
        ranks, score_details = rank_positives(task, progress), None
    valid = task.positive_counts > 0
    precision = average_precisions(ranks, average_precision)
    first, last = ranks.first[valid], ranks.last[valid]
    return RetrievalScore(
        protocol=protocol,
        mean_average_precision=float(precision[valid].mean()),
        cmc={k: float((first <= k).mean()) for k in CMC_RANKS},
        mean_inverse_negative_penalty=float((task.positive_counts[valid] / last).mean()),
        queries=len(task.query),
        valid_queries=int(valid.sum()),
        gallery=len(task.kept),
        per_query_average_precision=precision,
        similarity="Euclidean distance of raw features, float32" if task.query.raw else "cosine, float32",
        average_precision_rule=average_precision,
        preparation=task.preparation,
        details=score_details,
        notes=task_notes(task),
        distractors=task.distractors,
    )


def check_has_matches(task: RetrievalTask) -> None:
    """Check that at least one query has a correct match.

    Raises:
        DataError: none has; the message gives the reason.
    """
    if not task.positive_counts.any():
        raise DataError(_why_nothing_to_score(task))


def _why_nothing_to_score(task: RetrievalTask) -> str:
    queries, kept = len(task.query), len(task.kept)
    if not queries or not kept:
        side = "query" if not queries else "gallery"
        junk = " (junk, identity -1, is not counted)" if side == "gallery" and len(task.gallery) else ""
        return f"nothing to score: the {side} has no images{junk}; check the data folder"
    same_person = task.same_person_counts > 0
    if not same_person.any():
        return (
            f"nothing to score: none of the {queries} queries has its person among the {kept} gallery images; "
            f"check that query and gallery use the same identity labels{_distractor_hint(task)}"
        )
    cameras = np.unique(task.query_cameras[same_person])
    camera_names = f"camera {cameras[0]}" if len(cameras) == 1 else f"{len(cameras)} cameras"
    return (
        f"nothing to score: {int(same_person.sum())} of {queries} queries have their person in the gallery, "
        f"but every match is under the query's own camera ({camera_names}), which the protocol removes; "
        "give the images their real cameras, or leave the cameras unknown to score across all images"
        f"{_distractor_hint(task)}"
    )


def _distractor_hint(task: RetrievalTask) -> str:
    distractors = int((task.query_identities == DISTRACTOR).sum())
    if not distractors:
        return ""
    return (
        f"; {distractors:,} queries have the identity 0, which marks distractors and matches nothing: "
        "--distractors none counts 0 as a person"
    )


def task_notes(task: RetrievalTask) -> tuple[str, ...]:
    """Caveats on the comparability of a task's score, one sentence each; empty if there are none."""
    notes = list(task.notes)
    cameras = _unknown_cameras(task)
    if cameras:
        notes.append(cameras)
    distractors = int((task.query_identities == DISTRACTOR).sum())
    if distractors:
        notes.append(
            f"{distractors:,} of {len(task.query):,} queries have the identity 0, the number of distractors, and are "
            "not scored; --distractors none counts 0 as a person"
        )
    return tuple(notes)


def _unknown_cameras(task: RetrievalTask) -> str:
    gallery = task.gallery_cameras[task.kept]
    query_unknown = int((task.query_cameras == UNKNOWN_CAMERA).sum())
    gallery_unknown = int((gallery == UNKNOWN_CAMERA).sum())
    if not query_unknown and not gallery_unknown:
        return ""
    subject = "cameras are unknown"
    if query_unknown < len(task.query) and gallery_unknown < len(gallery):
        query, images = (
            f"{query_unknown:,} of {len(task.query):,} query",
            f"{gallery_unknown:,} of {len(gallery):,} gallery images",
        )
        subject = f"the cameras of {query} and {images} are unknown"
    return (
        f"{subject}: matches under the query's own camera count as right answers there, so this score is not "
        "comparable with one under known cameras"
    )
