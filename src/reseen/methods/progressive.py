"""Progressive merging: bottom-up clustering, one merging step per round, and the exclusive loss with a lookup table.

At the start every crop is a cluster. After `rounds_before_merging` rounds, each round merges the cheapest pairs of the
current clusters by the current features. The exclusive loss then contrasts every feature with one row per cluster of a
lookup table. The rows start at zero, so the first loss with c clusters is exactly ln c; they can also start at the
clusters' mean features.

References: Lin et al., "A bottom-up clustering approach to unsupervised person re-identification", AAAI 2019; our
reconstruction of the regularizer from the abstract of Zheng et al., "Clustering matters: sphere feature for fully
unsupervised person re-identification", ACM TOMM 2022.
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
    """The schedule of the published code, with a regularizer by sums of squares instead of cluster sizes."""

    name: Literal["progressive"] = "progressive"

    clustering: AnyClustering = HierarchicalClustering(
        linkage="single", weight=0.01, merge="chain", share=0.05, steps=18
    )
    """The merging, one step per round; needs a clustering that can merge step by step. `share` is the fraction of the
    initial clusters merged per step; `steps`, `clusters` or `distance` ends the merging."""

    tracklets: bool = True
    """Start from one cluster per tracklet, if tracklets are known; false: start from single crops."""

    rounds_before_merging: Annotated[int, Field(ge=1)] = 10
    """Rounds in which every crop, or tracklet, is its own cluster."""

    sampler: SamplerSettings = SamplerSettings(images_per_cluster=1)
    """The batches."""

    rows_start: Literal["zero", "features"] = "zero"
    """Initial rows of a new partition: zero, or the mean of their members' features, which helps if a round is too
    short to visit every cluster."""

    momentum: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Momentum of a row's update by each sample, 0 to 1."""

    temperature: Annotated[float, Field(gt=0)] = 0.1
    """Divides similarities before the softmax; smaller is harder."""

    @property
    def round_clustering(self) -> AbstractClustering | None:
        """The `clustering`."""
        return self.clustering

    def for_size(self, crops: int) -> Self:
        """With the clustering's settings for this number of crops."""
        return self.model_copy(update={"clustering": self.clustering.for_size(crops)})

    @property
    def rounds_without_merging(self) -> int:
        """`rounds_before_merging`."""
        return self.rounds_before_merging

    def recipe_conditions(self) -> Mapping[str, When]:
        """The clustering has an effect only if training is longer than `rounds_before_merging`."""
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
            raise ValueError(f"progressive merges one step per round: clustering: {error}") from None
        return self


class Progressive(AbstractMethod):
    """Alternates one merging step with one round of training."""

    reclusters_features = False

    takes_raw = True
    takes_kept_views = True
    step_time_grows = True

    def __init__(self, settings: ProgressiveSettings, context: MethodContext) -> None:
        self._settings = settings
        super().__init__(settings, context)
        self._rounds = 0
        self._merged = 0
        self._labels = np.empty(0, np.int64)
        self._table: LookupTable | None = None

    @property
    def table(self) -> LookupTable:
        """The rows of the current clusters.

        Raises:
            RuntimeError: `begin_round` was not called.
        """
        if self._table is None:
            raise RuntimeError("there is no lookup table before begin_round")
        return self._table

    def begin_round(self, features: Features, iterations: int) -> Round:
        """Merge one step, if merging has begun and has not ended; reset the lookup table if the clusters changed."""
        self._rounds += 1
        note = ""
        if self._rounds == 1:
            self._labels = self._start(len(features))
        elif self._rounds > self._settings.rounds_before_merging:
            note = self._merge(features)
        merged = Clustering(PseudoLabels(self._labels), notes=(note,) if note else ())
        # the next merge starts from the clusters without constraints
        clustering = self.apply_constraints(features, lambda: merged)
        labels = clustering.labels
        if self._table is None or len(self._table.vectors) != labels.cluster_count:
            self._table = self._empty_table(labels.cluster_count, features.vectors.shape[1])
            if self._settings.rows_start == "features":
                self._table.fill(features.vectors, to_index_tensor(labels.labels))
        sampler = PkSampler(labels, self._settings.sampler, self.context.generator, self.context.cameras)
        return Round(clustering, sampler.batches(iterations))

    def recluster(self, features: Features) -> Clustering:
        """Merge from the initial clusters by these features alone, as many steps as have been merged so far."""
        start = self._start(len(features))
        if not self._merged:
            return Clustering(PseudoLabels(start))
        count = len(np.unique(start))
        labels, _ = self._settings.clustering.grow(features, start, count, steps=self._merged)
        return Clustering(labels)

    def losses(self, batch: Batch) -> Step:
        """One term: the exclusive loss, a contrast with the rows of the lookup table."""
        features = self.context.encoder(batch.images)
        exclusive = cluster_contrast(features, batch.labels, self.table.vectors, self._settings.temperature)
        return Step({"exclusive": exclusive}, features.detach(), batch.labels)

    def after_step(self, step: Step) -> None:
        """Update the rows with the features of the batch."""
        self.table.update(step.features, step.labels)

    def state(self) -> dict[str, Tensor]:
        """The current clusters, the numbers of rounds and merging steps, and the rows of the lookup table."""
        if self._table is None:
            return {}
        counts = torch.tensor([self._rounds, self._merged])
        return {"labels": to_index_tensor(self._labels), "counts": counts, "table": self._table.vectors}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Load a `state`."""
        if not state:
            return
        self._labels = state["labels"].numpy()
        self._rounds, self._merged = state["counts"].tolist()
        self._table = self._empty_table(*state["table"].shape)
        self._table.vectors.copy_(state["table"])

    def _start(self, crops: int) -> Int64[np.ndarray, " n"]:
        """The initial clusters: tracklets or single crops."""
        groups = tracklet_groups(self.context.tracklets if self._settings.tracklets else None, crops)
        return contiguous(groups).labels

    def _empty_table(self, clusters: int, dimension: int) -> LookupTable:
        context = self.context
        return LookupTable(clusters, dimension, self._settings.momentum, context.device, context.raw)

    def _merge(self, features: Features) -> str:
        count = len(np.unique(self._start(len(features))))
        labels, costs = self.context.run_on_main(
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
