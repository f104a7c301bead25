"""Sphere features with SSE-regularized hierarchical clustering, under a triplet loss.

Each round: unit features -> every crop a cluster -> the cheapest pairs merge, step by step -> PK batches -> each
feature's hardest positive is pulled nearer than its hardest negative. The same unit vectors serve clustering, loss and
retrieval.

Reference: after the abstract of Zheng et al., "Clustering matters: sphere feature for fully unsupervised person
re-identification", ACM TOMM 2022, in our reconstruction on the loop of Zeng et al., "Hierarchical clustering with
hard-batch triplet loss for person re-identification", CVPR 2020.
"""

from typing import Annotated, Literal

from pydantic import Field

from reseen.cluster.clusterings import AnyClustering, HierarchicalClustering
from reseen.data.sampler import PkSampler, SamplerSettings
from reseen.losses import batch_hard_triplet
from reseen.methods.base import AbstractMethod, MethodContext, Round, Step
from reseen.methods.clustered import ClusteredMethodSettings, cluster_round
from reseen.records import Batch, Features


class SphereSettings(ClusteredMethodSettings):
    """Schedule and batches of the reconstruction."""

    name: Literal["sphere"] = "sphere"

    clustering: AnyClustering = HierarchicalClustering()
    """The clustering."""

    smallest_cluster: Annotated[int, Field(ge=1)] = 1
    """Clusters of fewer crops are excluded for the round; 1 keeps lone crops, which then fill their K places alone."""

    sampler: SamplerSettings = SamplerSettings(images_per_cluster=4)
    """The batches."""

    margin: Annotated[float, Field(ge=0)] | Literal["soft"] = 0.5
    """By how much the hardest negative should be farther than the hardest positive, in Euclidean distance on the
    sphere, 0 to 2; `soft`: as far as possible."""


class Sphere(AbstractMethod):
    """Hierarchical clusters as labels of a batch-hard triplet loss."""

    remembers = False

    takes_raw = True

    def __init__(self, settings: SphereSettings, context: MethodContext) -> None:
        self._settings = settings
        super().__init__(settings, context)
        self.stricter_steps = settings.clustering.stricter_steps

    def begin_round(self, features: Features, iterations: int) -> Round:
        """Cluster, by default from single crops or tracklets on, and sample PK batches."""
        settings, around = self._settings, self.context
        clustering = self.apply_constraints(
            features, lambda: cluster_round(features, settings, around, self.strictness)
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
