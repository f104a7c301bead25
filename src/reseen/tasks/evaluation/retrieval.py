"""A retrieval task of a run: its crops, their features, its options, and the ways to score it.

Query and gallery have one feature vector per crop, or per tracklet. A score is of the run's own data set, or
cross-domain.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float32, Int64

from reseen.camera_means import CameraCenters, CameraMeans
from reseen.data.crops import Crops
from reseen.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from reseen.errors import DataError, ReseenError, SettingsError
from reseen.evaluate.metrics import RetrievalScore
from reseen.evaluate.refine import center, centers_of, pool_tracklets
from reseen.evaluate.scoring import ScoringOptions, score_by, score_refined
from reseen.evaluate.task import RetrievalTask
from reseen.features.extract import extract, extract_frames
from reseen.features.feature_cache import cache_notes, open_feature_cache
from reseen.models import Encoder
from reseen.records import Features
from reseen.runs.console import RunView, no_progress
from reseen.runs.load_table import load_other_table, load_table
from reseen.runs.run import Run


@dataclass(frozen=True)
class Retrieval:
    """A retrieval task of a run, with the crops of its rows (for a tracklet, its first crop)."""

    task: RetrievalTask
    query: Crops
    gallery: Crops
    occluded: Mapping[str, RetrievalTask]
    """The task with occluded queries, by name of the occlusion."""
    options: ScoringOptions = field(default_factory=ScoringOptions)
    """Options of scoring."""
    part: Literal["both", "global", "patch"] = "both"
    """The embeddings used, where the method learns global and patch embeddings."""
    pool: CameraMeans | None = None
    """Means of the cameras that the run learned from, of plain crops also where the task's vectors are of mirrored ones
    (docs/cameras.md); None if there are none, or they are of other vectors."""
    uses_cameras: bool = True
    """Whether the run uses cameras at all."""

    @property
    def unreadable(self) -> dict[str, list[str]]:
        """Unreadable crops, which are excluded, by side."""
        return {"query": list(self.query.store.unreadable), "gallery": list(self.gallery.store.unreadable)}

    @cached_property
    def _centers(self) -> CameraCenters | str:
        if not self.uses_cameras:
            return "the run was trained with cameras switched off"
        if self.options.protocol == "vehicleid":
            return "vehicleid has no cameras"
        gallery = self.gallery.table
        return centers_of(self.task, gallery.camera_names, self.pool, gallery.tracklets)

    @property
    def why_not_centered(self) -> str:
        """Why cameras cannot be centered; empty if they can."""
        return self._centers if isinstance(self._centers, str) else ""

    def centered(self) -> "Retrieval":
        """The same with the mean of its camera subtracted from every vector; see `reseen.evaluate.refine.center`.

        Raises:
            DataError: cameras cannot be centered; `why_not_centered` says why.
        """
        centers, names = self._centers, self.gallery.table.camera_names
        if isinstance(centers, str):
            raise DataError(f"cameras cannot be centered: {centers}")
        task = center(self.task, names, centers)
        occluded = {
            name: replace(center(other, names, centers), gallery=task.gallery)
            for name, other in self.occluded.items()
        }
        return replace(self, task=task, occluded=occluded)

    @cached_property
    def refined(self) -> RetrievalTask:
        """The task after the query expansion and re-ranking of the options."""
        return self.options.refine(self.task)

    def score(self, quiet: bool = True) -> RetrievalScore:
        """The score by the protocol of the options; shows progress unless `quiet`."""
        with RunView(0, quiet) as view:
            view.say(*before_ranking(self.task, self.options))
            progress = view.phase("ranking", self.options.query_count(self.task))
            if self.options.protocol == "vehicleid":
                return score_by(self.task, self.options, progress)
            return score_refined(self.refined, self.options, progress)

    def occluded_scores(self) -> dict[str, RetrievalScore]:
        """Scores with occluded queries, by name of the occlusion, by the same protocol and without details."""
        options = replace(self.options, details=False)
        return {name: score_by(task, options) for name, task in self.occluded.items()}


def before_ranking(task: RetrievalTask, options: ScoringOptions) -> list[str]:
    """Messages to show before ranking starts, such as on a long search for re-ranking."""
    rows = len(task.query) + len(task.gallery)
    return [f"re-ranking: searching the neighbors of {rows:,} rows first"] if options.rerank else []


@dataclass(frozen=True)
class RetrievalFeatures:
    """Features of one side with identities; row i is one crop, or one tracklet with its first crop."""

    features: Features
    identities: Int64[np.ndarray, " n"]
    crops: Crops


@dataclass(frozen=True)
class RetrievalFeatureExtractor:
    """Extracts features of query and gallery with the same settings."""

    run: Run
    encoder: Encoder
    device: torch.device
    mirrored: bool
    """Average the embeddings of a crop and its mirror image."""
    pool: bool
    """One vector per tracklet: embeddings are averaged before normalization, then normalized once."""
    feature_cache: float = 0.0
    """Size limit of the cache of features, in gigabytes; 0 for none."""
    ranks: ProcessGroup = SINGLE_PROCESS
    """The processes that share the work."""

    def vectors(
        self, crops: Crops, name: str = "", view: RunView | None = None
    ) -> Features | Float32[np.ndarray, "n d"]:
        """Features, or unnormalized frame embeddings with `pool`; a collective call of all processes in `ranks`.

        Progress is shown in `view`, under `name`.
        """
        extract_side = extract_frames if self.pool else extract
        cache = open_feature_cache(self.run, self.encoder, crops, self.device, self.feature_cache)
        vectors = extract_side(
            self.encoder,
            crops,
            self.device,
            no_progress if view is None else view.phase(f"{name}: features", len(crops)),
            mirrored=self.mirrored,
            ranks=self.ranks,
            cache=cache,
        )
        if view is not None:
            view.say(*cache_notes(cache, len(crops), name))
        return vectors

    def features_of(
        self, name: str, crops: Crops, identities: Int64[np.ndarray, " n"], view: RunView
    ) -> RetrievalFeatures:
        """The features of one side; `name` is its name in messages.

        Raises:
            DataError: `pool` is set, and the data has no tracklets.
            SettingsError: `pool` is set, and the features are raw.
        """
        if self.pool and self.encoder.raw:
            raise SettingsError("the protocol video needs unit features, but those of this run are raw")
        if self.pool and crops.tracklets is None:
            raise DataError(f"{name}: the protocol video needs tracklets, this data has none")
        vectors = self.vectors(crops, name, view)
        if isinstance(vectors, Features):
            return RetrievalFeatures(vectors, identities, crops)
        assert crops.tracklets is not None  # checked above
        pooled = pool_tracklets(vectors, identities, crops.table.cameras, crops.tracklets, name)
        return RetrievalFeatures(pooled.features, pooled.identities, crops.select(pooled.first))


def domain(run: Run, data: str | Path) -> str:
    """`same` if the run was trained on the training split of `data`, else `cross-domain`, or `unknown` without one.

    The training data is compared by fingerprint: paths, sizes and cameras of all crops. A run trained on a part of
    the split counts as `cross-domain`.
    """
    readings = (
        lambda: load_table(run.recipe, data)[0],
        lambda: load_other_table(run.recipe, data),
    )  # by the run's own settings for its data, then by those for other data
    known = False
    for reading in readings:
        try:
            table = reading()
        except ReseenError:
            continue
        known = True
        if table.fingerprint == run.facts["data"]:
            return "same"
    return "cross-domain" if known else "unknown"


def with_domain(score: RetrievalScore, name: str) -> RetrievalScore:
    """The score with the domain recorded among its rules."""
    return replace(score, extra_rules={**score.extra_rules, "domain": name})
