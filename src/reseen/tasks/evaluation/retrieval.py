"""A retrieval task of a run, with its crops, its options, and the ways to score it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from reseen.camera_means import CameraCenters, CameraMeans
from reseen.data.crops import Crops
from reseen.errors import DataError
from reseen.evaluate.metrics import RetrievalScore
from reseen.evaluate.refine import center, centers_of
from reseen.evaluate.scoring import ScoringOptions, score_by, score_refined
from reseen.evaluate.task import RetrievalTask
from reseen.runs.console import RunView


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
    """Means of the cameras that the run learned from, of vectors like those of the task; None if there are none."""
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
