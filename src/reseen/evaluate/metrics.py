"""From ranks to shares: mAP, CMC and mINP over the queries that can be answered at all.

References: Zheng et al. 2015 (CMC and mAP for re-identification); Ye et al. 2021, section 4.2 (mINP).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from reseen.errors import DataError
from reseen.evaluate.average_precision import PrecisionRule, average_precisions
from reseen.evaluate.details import ScoreDetails, scan
from reseen.evaluate.matches import DISTRACTOR
from reseen.evaluate.notes import task_notes
from reseen.evaluate.ranking import rank_positives
from reseen.evaluate.task import ZERO, Preparation, RetrievalTask
from reseen.records import Features

CMC_RANKS = (1, 5, 10)
"""The k of CMC@k that are reported."""


@dataclass(frozen=True)
class RetrievalScore:
    """How well queries find their person again; every figure is a share, 0 to 1, higher is better."""

    protocol: str
    """The name of the rules."""
    mean_average_precision: float
    """Mean over queries of the mean precision at the ranks of their right answers."""
    cmc: dict[int, float]
    """k to the share of queries with a right answer among the first k."""
    mean_inverse_negative_penalty: float
    """Mean over queries of (right answers) / (rank of the last one)."""
    queries: int
    """Queries asked."""
    valid_queries: int
    """Queries with a right answer left after filtering; all means are over these."""
    gallery: int
    """Gallery images ranked, distractors included, junk not."""
    per_query_average_precision: Float64[np.ndarray, " q"]
    """Average precision of each query row; NaN where the query cannot be answered."""
    similarity: str = "cosine, float32"
    """What ranks; raw features rank by Euclidean distance."""
    average_precision_rule: PrecisionRule = "step"
    """`step`: precision at each right answer; `trapezoid`, as in the Market-1501 toolbox: with the place above."""
    preparation: Preparation = field(default_factory=Preparation)
    """What was done to the features before they were ranked."""
    details: ScoreDetails | None = None
    """Intervals, verification and pairs of cameras, where they were asked for."""
    extra_rules: Mapping[str, Any] = field(default_factory=dict)
    """What else a protocol does, such as random draws, by name."""
    notes: tuple[str, ...] = ()
    """Sentences on what makes this score another one than it looks, such as unknown cameras; show them with it."""
    distractors: str = ZERO
    """What the identity 0 was."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file; shares from 0 to 1, the rules spelt out."""
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
                "tracklets": self.preparation.tracklets,
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
    query: Features,
    query_identities: Int64[np.ndarray, " q"],
    query_cameras: Int64[np.ndarray, " q"],
    gallery: Features,
    gallery_identities: Int64[np.ndarray, " g"],
    gallery_cameras: Int64[np.ndarray, " g"],
    protocol: str = "market",
) -> RetrievalScore:
    """Score queries against a gallery; the rules of filtering and of ties are in `reseen.evaluate.task`.

    Raises:
        DataError: shapes do not fit, or not one query has a right answer; the message says why.
    """
    task = RetrievalTask(query, gallery, query_identities, query_cameras, gallery_identities, gallery_cameras)
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
    """Score a task; `details` adds intervals (drawn from `seed`), verification and pairs of cameras.

    `progress` is called with the number of queries just ranked.

    Raises:
        DataError: not one query has a right answer; the message says why.
    """
    check_answerable(task)
    if details:
        ranks, found = scan(task, average_precision, seed, progress)
    else:
        ranks, found = rank_positives(task, progress), None
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
        details=found,
        notes=task_notes(task),
        distractors=task.distractors,
    )


def check_answerable(task: RetrievalTask) -> None:
    """Do nothing where a query has a right answer.

    Raises:
        DataError: not one has; the message says why.
    """
    if not task.positive_counts.any():
        raise DataError(_why_nothing_to_score(task))


def _why_nothing_to_score(task: RetrievalTask) -> str:
    asked, kept = len(task.query), len(task.kept)
    if not asked or not kept:
        side = "query" if not asked else "gallery"
        junk = " (junk, identity -1, is not counted)" if side == "gallery" and len(task.gallery) else ""
        return f"nothing to score: the {side} has no images{junk}; check the data folder"
    same_person = task.same_person_counts > 0
    if not same_person.any():
        return (
            f"nothing to score: none of the {asked} queries has its person among the {kept} gallery images; "
            f"check that query and gallery number the same people alike{_nobody(task)}"
        )
    cameras = np.unique(task.query_cameras[same_person])
    seen = f"camera {cameras[0]}" if len(cameras) == 1 else f"{len(cameras)} cameras"
    return (
        f"nothing to score: {int(same_person.sum())} of {asked} queries have their person in the gallery, "
        f"but every match is under the query's own camera ({seen}) and the rules take those out; "
        f"give the images their real cameras, or leave the cameras unknown to score across all images{_nobody(task)}"
    )


def _nobody(task: RetrievalTask) -> str:
    nobody = int((task.query_identities == DISTRACTOR).sum())
    if not nobody:
        return ""
    return (
        f"; {nobody:,} queries have the identity 0, the number of distractors, who are nobody's match: "
        "--distractors none counts 0 as a person"
    )
