"""Progressive merging: clusters grow a step per round, under the exclusive loss with a lookup table.

At first every crop is a cluster. Each round: from the second on the cheapest pairs of the clusters so far merge, by
the features of the moment; then every feature is told from the rows of all other clusters in a lookup table, which
starts at zero, so that the first loss of a partition of c clusters is exactly ln c (or, on request, at mean features).

References: Lin et al., "A bottom-up clustering approach to unsupervised person re-identification", AAAI 2019; the
regularizer after the abstract of Zheng et al., "Clustering matters: sphere feature for fully unsupervised person
re-identification", ACM TOMM 2022, in our reconstruction.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

import numpy as np
import torch
from jaxtyping import Int64
from pydantic import Field, model_validator
from torch import Tensor

from reseen.cluster import Clustering, tracklet_groups
from reseen.cluster.clusterings import AbstractClustering, AnyClustering, HierarchicalClustering
from reseen.conditions import Above, When
from reseen.data.sampler import PkSampler, SamplerSettings
from reseen.errors import TrainingError
from reseen.losses import cluster_contrast
from reseen.memory import LookupTable
from reseen.methods.base import AbstractMethod, MethodContext, Round, SampledMethodSettings, Step
from reseen.records import Batch, Features, PseudoLabels, contiguous, to_index_tensor


class ProgressiveSettings(SampledMethodSettings):
    """The schedule of the published code, with sums of squares for its sizes."""

    name: Literal["progressive"] = "progressive"

    clustering: AnyClustering = HierarchicalClustering(
        linkage="single", weight=0.01, merge="chain", share=0.05, steps=18
    )
    """The merging, one step per round, by a clustering that grows step by step. The share is that of the
    clusters at the start; `steps`, `clusters` or `distance` end it."""

    tracklets: bool = True
    """Crops of one tracklet start as one cluster, where tracklets are known; false: every crop starts alone."""

    rounds_before_merging: Annotated[int, Field(ge=1)] = 10
    """Rounds in which every crop, or tracklet, is its own cluster."""

    sampler: SamplerSettings = SamplerSettings(images_per_cluster=1)
    """The batches."""

    rows_start: Literal["zero", "features"] = "zero"
    """Where the rows of a new partition start: at zero, or at the mean of their members' features, which pays where a
    round is too short for every row to be seen."""

    momentum: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the old row that stays with each sample."""

    temperature: Annotated[float, Field(gt=0)] = 0.1
    """Divides similarities before the softmax; smaller is harder."""

    @property
    def round_clustering(self) -> AbstractClustering | None:
        """The `clustering`."""
        return self.clustering

    def for_size(self, crops: int) -> Self:
        """With the clustering for so many crops."""
        return self.model_copy(update={"clustering": self.clustering.for_size(crops)})

    @property
    def rounds_without_merging(self) -> int:
        """`rounds_before_merging`."""
        return self.rounds_before_merging

    def recipe_conditions(self) -> Mapping[str, When]:
        """Nothing merges in a training that ends before merging begins."""
        merging = When({"train.rounds": Above(self.rounds_before_merging)})
        return {
            **super().recipe_conditions(),
            **self.clustering.recipe_conditions("method.clustering"),
            "method.clustering": merging,
        }

    @model_validator(mode="after")
    def _grows(self) -> "ProgressiveSettings":
        try:
            self.clustering.check_grows()
        except ValueError as error:
            raise ValueError(f"progressive merges one step a round: clustering: {error}") from None
        return self


class Progressive(AbstractMethod):
    """Merge a little, train a little."""

    reclusters_features = False

    takes_raw = True
    steps_grow = True

    def __init__(self, settings: ProgressiveSettings, context: MethodContext) -> None:
        self._settings = settings
        super().__init__(settings, context)
        self._rounds = 0
        self._merged = 0
        self._labels = np.empty(0, np.int64)
        self._table: LookupTable | None = None

    @property
    def table(self) -> LookupTable:
        """The rows of the current clusters."""
        if self._table is None:
            raise RuntimeError("there is no lookup table before begin_round")
        return self._table

    def begin_round(self, features: Features, iterations: int) -> Round:
        """Merge one step, unless it is too early or all is merged; clusters that changed start from zero rows."""
        self._rounds += 1
        note = ""
        if self._rounds == 1:
            self._labels = self._start(len(features))
        elif self._rounds > self._settings.rounds_before_merging:
            note = self._merge(features)
        grown = Clustering(PseudoLabels(self._labels), notes=(note,) if note else ())
        clustering = self.apply_constraints(
            features, lambda: grown
        )  # growth itself goes on from its own clusters
        labels = clustering.labels
        if self._table is None or len(self._table.vectors) != labels.cluster_count:
            self._table = self._empty_table(labels.cluster_count, features.vectors.shape[1])
            if self._settings.rows_start == "features":
                self._table.fill(features.vectors, to_index_tensor(labels.labels))
        sampler = PkSampler(labels, self._settings.sampler, self.context.generator, self.context.cameras)
        return Round(clustering, sampler.batches(iterations))

    def recluster(self, features: Features) -> Clustering:
        """Merge from the start by these features alone, as many steps as the rounds so far have merged."""
        start = self._start(len(features))
        if not self._merged:
            return Clustering(PseudoLabels(start))
        count = len(np.unique(start))
        labels, _ = self._settings.clustering.grow(features, start, count, steps=self._merged)
        return Clustering(labels)

    def losses(self, batch: Batch) -> Step:
        """One term: the exclusive loss, which is the contrast with the rows of the lookup table."""
        features = self.context.encoder(batch.images)
        exclusive = cluster_contrast(features, batch.labels, self.table.vectors, self._settings.temperature)
        return Step({"exclusive": exclusive}, features.detach(), batch.labels)

    def after_step(self, step: Step) -> None:
        """Move the rows towards the batch's features."""
        self.table.update(step.features, step.labels)

    def state(self) -> dict[str, Tensor]:
        """The clusters so far, how they came about, and their rows."""
        if self._table is None:
            return {}
        counts = torch.tensor([self._rounds, self._merged])
        return {"labels": to_index_tensor(self._labels), "counts": counts, "table": self._table.vectors}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from clusters and rows."""
        if not state:
            return
        self._labels = state["labels"].numpy()
        self._rounds, self._merged = state["counts"].tolist()
        self._table = self._empty_table(*state["table"].shape)
        self._table.vectors.copy_(state["table"])

    def _start(self, crops: int) -> Int64[np.ndarray, " n"]:
        """The clusters before the first merge."""
        groups = tracklet_groups(self.context.tracklets if self._settings.tracklets else None, crops)
        return contiguous(groups).labels

    def _empty_table(self, clusters: int, dimension: int) -> LookupTable:
        around = self.context
        return LookupTable(clusters, dimension, self._settings.momentum, around.device, around.raw)

    def _merge(self, features: Features) -> str:
        count = len(np.unique(self._start(len(features))))
        labels, costs = self.context.once(
            lambda: self._settings.clustering.grow(features, self._labels, count, self._merged)
        )
        if len(costs) == 0:
            return ""
        if labels.cluster_count < 2:
            raise TrainingError(
                f"merging would leave one cluster of {len(features)} crops; merge less "
                "(method.clustering.share, method.clustering.steps), or train fewer rounds"
            )
        self._merged += 1
        self._labels = labels.labels
        return f"merged {len(costs)} pairs, the last at cost {costs[-1]:.3f}"
