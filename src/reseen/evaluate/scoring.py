"""One set of options, and the protocol that it names."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import torch

from reseen.errors import DataError, SettingsError
from reseen.evaluate.average_precision import PrecisionRule
from reseen.evaluate.metrics import RetrievalScore, check_answerable, score
from reseen.evaluate.refine import add_queries, expand, rerank
from reseen.evaluate.sampled_protocols import DRAWS, cuhk03_classic, vehicle_id
from reseen.evaluate.task import RetrievalTask
from reseen.neighbors import RerankSettings
from reseen.records import Features

Protocol = Literal["market", "cuhk03-new", "cuhk03-classic", "vehicleid", "video"]
"""The rules by name; `cuhk03-new` and `video` are those of `market` on other data."""


@dataclass(frozen=True)
class ScoringOptions:
    """How a task is scored.

    Raises:
        SettingsError: two options that do not go together.
    """

    protocol: Protocol = "market"
    """Whose rules."""

    average_precision: PrecisionRule = "step"
    """`step`, or the `trapezoid` of the Market-1501 toolbox."""

    queries_in_gallery: bool = False
    """Add the queries to the gallery."""

    expand_queries: int | None = None
    """First answers that a query takes in; None for none."""

    expansion_power: float = 0.0
    """Power of the similarity that weighs them; 0 counts all alike."""

    rerank: RerankSettings | None = None
    """Re-rank with these settings."""

    details: bool = False
    """Also intervals, verification and pairs of cameras; not with `vehicleid`."""

    seed: int = 0
    """Draws of galleries and of bootstrap samples."""

    def __post_init__(self) -> None:
        if self.protocol == "vehicleid" and self.queries_in_gallery:
            raise SettingsError("vehicleid has no cameras: its queries cannot be added to the gallery")

    def asked(self, task: RetrievalTask) -> int:
        """Queries that will be ranked, about; for showing progress."""
        if self.protocol != "vehicleid":
            return len(task.query)
        return DRAWS * (len(task.query) + len(task.gallery))

    def refine(self, task: RetrievalTask) -> RetrievalTask:
        """The task after what the options do to it.

        Raises:
            DataError: not one query has a right answer, so that there is no need to search.
            SettingsError: an option does not fit the features.
        """
        if self.queries_in_gallery:
            task = add_queries(task)
        check_answerable(task)
        if self.expand_queries is not None:
            task = expand(task, self.expand_queries, self.expansion_power)
        return task if self.rerank is None else rerank(task, self.rerank)


def score_by(
    task: RetrievalTask, options: ScoringOptions, progress: Callable[[int], None] = lambda _: None
) -> RetrievalScore:
    """Score a task by the protocol of the options.

    `vehicleid` takes query and gallery together and draws its own. `progress` is called with queries just ranked.

    Raises:
        DataError: not one query can be scored.
        SettingsError: an option does not fit the features.
    """
    if options.protocol == "vehicleid":
        found = vehicle_id(
            *_together(task),
            seed=options.seed,
            average_precision=options.average_precision,
            preparation=task.preparation,
            refine=options.refine,
            progress=progress,
        )
        return replace(found, notes=(*task.notes, *found.notes), distractors=task.distractors)
    return score_refined(options.refine(task), options, progress)


def score_refined(
    refined: RetrievalTask, options: ScoringOptions, progress: Callable[[int], None] = lambda _: None
) -> RetrievalScore:
    """Score a task that went through `options.refine`; not for `vehicleid`, which refines each of its draws.

    Raises:
        DataError: not one query can be scored.
    """
    scorer = (
        cuhk03_classic if options.protocol == "cuhk03-classic" else partial(score, protocol=options.protocol)
    )
    found = scorer(
        refined,
        average_precision=options.average_precision,
        details=options.details,
        seed=options.seed,
        progress=progress,
    )
    if options.protocol == "cuhk03-new" and found.details is not None:  # its cameras are numbered per pair
        return replace(found, details=replace(found.details, camera_pairs=None))
    return found


def _together(task: RetrievalTask) -> tuple[Features, np.ndarray]:
    """All rows once: where query and gallery are the same rows, one of the two."""
    same = task.query.vectors.shape == task.gallery.vectors.shape and torch.equal(
        task.query.vectors, task.gallery.vectors
    )
    if same:
        if not np.array_equal(task.query_identities, task.gallery_identities):
            raise DataError(
                "query and gallery have the same features and other identities; check how the files were made"
            )
        return task.query, task.query_identities
    vectors = torch.cat([task.query.vectors, task.gallery.vectors])
    return (
        Features(vectors, task.query.raw),
        np.concatenate([task.query_identities, task.gallery_identities]),
    )
