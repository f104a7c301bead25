"""Sphere features with SSE-regularized hierarchical clustering, under a triplet loss.

Each round: unit features -> every crop a cluster -> the cheapest pairs merge, step by step -> PK batches -> each
feature's hardest positive is pulled nearer than its hardest negative. The same unit vectors serve clustering, loss and
retrieval.

Reference: after the abstract of Zheng et al., "Clustering matters: sphere feature for fully unsupervised person
re-identification", ACM TOMM 2022, in our reconstruction on the loop of Zeng et al., "Hierarchical clustering with
hard-batch triplet loss for person re-identification", CVPR 2020.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from reseen.cluster import merge_features
from reseen.cluster.hierarchy import HierarchySettings
from reseen.conditions import When
from reseen.data.sampler import PkSampler, SamplerSettings
from reseen.losses import batch_hard_triplet
from reseen.methods.base import AbstractMethod, MethodContext, Round, SampledMethodSettings, Step
from reseen.methods.raw_vectors import raw_vectors
from reseen.records import Batch, Features


class SphereSettings(SampledMethodSettings):
    """Schedule and batches of the reconstruction."""

    name: Literal["sphere"] = "sphere"

    hierarchy: HierarchySettings = HierarchySettings()
    """The clustering."""

    tracklets: bool = True
    """Crops of one tracklet start as one cluster, where tracklets are known; false: every crop starts alone."""

    smallest_cluster: Annotated[int, Field(ge=1)] = 1
    """Clusters of fewer crops sit the round out; 1 keeps lone crops, which then fill their K places alone."""

    sampler: SamplerSettings = SamplerSettings(images_per_cluster=4)
    """The batches."""

    margin: Annotated[float, Field(ge=0)] | Literal["soft"] = 0.5
    """By how much the hardest negative should be farther than the hardest positive, in Euclidean distance on the
    sphere, 0 to 2; `soft`: as far as possible."""

    @property
    def hierarchical(self) -> HierarchySettings | None:
        """The `hierarchy`."""
        return self.hierarchy

    def recipe_conditions(self) -> Mapping[str, When]:
        """Raw vectors are clustered where the encoder gives any."""
        return {**super().recipe_conditions(), **raw_vectors(self.hierarchy)}


class Sphere(AbstractMethod):
    """Hierarchical clusters as labels of a batch-hard triplet loss."""

    remembers = False

    takes_raw = True

    def __init__(self, settings: SphereSettings, context: MethodContext) -> None:
        self._settings = settings
        super().__init__(settings, context)

    def begin_round(self, features: Features, iterations: int) -> Round:
        """Merge from single crops or tracklets on, and sample PK batches."""
        settings, around = self._settings, self.context
        tracklets = around.tracklets if settings.tracklets else None
        clustering = self.apply_constraints(
            features,
            lambda: merge_features(features, settings.hierarchy, settings.smallest_cluster, tracklets),
        )
        sampler = PkSampler(clustering.labels, settings.sampler, around.generator, around.cameras)
        return Round(clustering, sampler.batches(iterations))

    def losses(self, batch: Batch) -> Step:
        """One term: the triplet loss."""
        features = self.context.encoder(batch.images)
        triplet = batch_hard_triplet(features, batch.labels, self._settings.margin)
        return Step({"triplet": triplet}, features.detach(), batch.labels)

    def after_step(self, step: Step) -> None:
        """Nothing is remembered between batches."""
