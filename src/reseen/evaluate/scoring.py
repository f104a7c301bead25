"""Scoring options, and scoring a task by the protocol that they name."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import torch

from reseen.errors import DataError, SettingsError
from reseen.evaluate.metrics import RetrievalScore, check_has_matches, score
from reseen.evaluate.ranking import PrecisionRule
from reseen.evaluate.refine import add_queries, expand, rerank
from reseen.evaluate.sampled_protocols import DRAWS, cuhk03_classic, vehicle_id
from reseen.evaluate.task import RetrievalTask
from reseen.neighbors import RerankSettings
from reseen.records import Features

Protocol = Literal["market", "cuhk03-new", "cuhk03-classic", "vehicleid", "video"]
"""Names of the evaluation protocols; `cuhk03-new` and `video` are `market` on other data."""


@dataclass(frozen=True)
class ScoringOptions:
    """Options of scoring a task.

    Raises:
        SettingsError: two options exclude each other.

    Example:
        >>> options = ScoringOptions(rerank=RerankSettings(), details=True)
        >>> reseen.score("runs/market", "data/Market-1501", options=options)
    """

    protocol: Protocol = "market"
    """Evaluation protocol."""

    average_precision: PrecisionRule = "step"
    """`step`, or `trapezoid` as in the Market-1501 toolbox."""

    queries_in_gallery: bool = False
    """Include queries in the gallery."""

    expand_queries: int | None = None
    """Query expansion over the top N results, 1 or more; None for no expansion."""

    expansion_power: float = 0.0
    """Weight results by similarity to this power, 0 or more (alpha query expansion); 0 for the unweighted average."""

    rerank: RerankSettings | None = None
    """Settings of k-reciprocal re-ranking; None for no re-ranking."""

    details: bool = False
    """Also compute confidence intervals, verification rates and camera pairs; ignored by `vehicleid`."""

    seed: int = 0
    """Random seed of drawn galleries and of the bootstrap."""

    def __post_init__(self) -> None:
        if self.protocol == "vehicleid" and self.queries_in_gallery:
            raise SettingsError("vehicleid has no cameras: its queries cannot be added to the gallery")

    def query_count(self, task: RetrievalTask) -> int:
        """The approximate number of queries to rank, for progress bars."""
        if self.protocol != "vehicleid":
            return len(task.query)
        return DRAWS * (len(task.query) + len(task.gallery))

    def refine(self, task: RetrievalTask) -> RetrievalTask:
        """The task with queries added to the gallery, expanded and re-ranked, as the options require.

        Raises:
            DataError: no query has a correct match, or a query's camera is unknown with `queries_in_gallery`.
            SettingsError: an option is out of range or does not apply to the features.
        """
        if self.queries_in_gallery:
            task = add_queries(task)
        check_has_matches(task)
        if self.expand_queries is not None:
            task = expand(task, self.expand_queries, self.expansion_power)
        return task if self.rerank is None else rerank(task, self.rerank)


def score_by(
    task: RetrievalTask, options: ScoringOptions, progress: Callable[[int], None] = lambda _: None
) -> RetrievalScore:
    """Score a task by the protocol of the options.

    `vehicleid` merges query and gallery, and draws its own. `progress` is called with the number of queries just
    ranked.

    Raises:
        DataError: no query has a correct match.
        SettingsError: an option is out of range or does not apply to the features.

    Example:
        >>> score_by(task, ScoringOptions(protocol="cuhk03-new", details=True))
    """
    if options.protocol == "vehicleid":
        result = vehicle_id(
            *_merged(task),
            seed=options.seed,
            average_precision=options.average_precision,
            preparation=task.preparation,
            refine=options.refine,
            progress=progress,
        )
        return replace(result, notes=(*task.notes, *result.notes), distractors=task.distractors)
    return score_refined(options.refine(task), options, progress)


def score_refined(
    refined: RetrievalTask, options: ScoringOptions, progress: Callable[[int], None] = lambda _: None
) -> RetrievalScore:
    """Score a task returned by `options.refine`; not for `vehicleid`, which refines each of its draws.

    Raises:
        DataError: no query has a correct match.
    """
    scorer = (
        cuhk03_classic if options.protocol == "cuhk03-classic" else partial(score, protocol=options.protocol)
    )
    result = scorer(
        refined,
        average_precision=options.average_precision,
        details=options.details,
        seed=options.seed,
        progress=progress,
    )
    if options.protocol == "cuhk03-new" and result.details is not None:  # its cameras are numbered per pair
        return replace(result, details=replace(result.details, camera_pairs=None))
    return result


def _merged(task: RetrievalTask) -> tuple[Features, np.ndarray]:
    """Features and identities of query and gallery together; of the query alone if both sides are the same rows."""
    same = task.query.vectors.shape == task.gallery.vectors.shape and torch.equal(
        task.query.vectors, task.gallery.vectors
    )
    if same:
        if not np.array_equal(task.query_identities, task.gallery_identities):
            raise DataError(
                "query and gallery have the same features but different identities; check how the files were made"
            )
        return task.query, task.query_identities
    vectors = torch.cat([task.query.vectors, task.gallery.vectors])
    return (
        Features(vectors, task.query.raw),
        np.concatenate([task.query_identities, task.gallery_identities]),
    )
