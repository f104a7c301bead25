"""Sphere features: SSE-regularized hierarchical clustering of unit vectors, and a batch-hard triplet loss.

Each round: unit features -> agglomerative clustering, from single crops -> PK batches -> batch-hard triplet loss.
Clustering, loss and retrieval use the same unit vectors.

References: our reconstruction from the abstract of Zheng et al., "Clustering matters: sphere feature for fully
unsupervised person re-identification", ACM TOMM 2022; the training loop of Zeng et al., "Hierarchical clustering with
hard-batch triplet loss for person re-identification", CVPR 2020.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from reseen.cluster import center_cameras
from reseen.cluster.clusterings import AnyClustering, HierarchicalClustering
from reseen.conditions import When
from reseen.data.sampler import PkSampler, SamplerSettings
from reseen.losses import batch_hard_triplet
from reseen.methods.base import AbstractMethod, MethodContext, Round, Step
from reseen.methods.clustered import ClusteredMethodSettings, cluster_round
from reseen.records import Batch, Features


class SphereSettings(ClusteredMethodSettings):
    """Settings of `sphere`, as reconstructed from the paper."""

    name: Literal["sphere"] = "sphere"

    clustering: AnyClustering = HierarchicalClustering()
    """The clustering."""

    center_cameras: bool = False
    """Subtract the mean feature of its camera from each feature before clustering; no effect if cameras are unknown or
    disabled. The papers cluster features as they are."""

    smallest_cluster: Annotated[int, Field(ge=1)] = 1
    """Crops of smaller clusters are excluded for the round; 1 keeps clusters of one crop, which is then repeated K
    times in a batch."""

    sampler: SamplerSettings = SamplerSettings(images_per_cluster=4)
    """The batches."""

    margin: Annotated[float, Field(ge=0)] | Literal["soft"] = 0.5
    """Triplet margin: how much farther the hardest negative should be than the hardest positive, in Euclidean distance
    of unit vectors, 0 to 2; `soft`: soft margin (softplus)."""

    def recipe_conditions(self) -> Mapping[str, When]:
        """Camera centering has an effect only if cameras are enabled."""
        return {**super().recipe_conditions(), "method.center_cameras": When(cameras=True)}


class Sphere(AbstractMethod):
    """Batch-hard triplet loss with the clusters of hierarchical clustering as labels."""

    updates_memory = False

    takes_raw = True
    takes_kept_views = True

    def __init__(self, settings: SphereSettings, context: MethodContext) -> None:
        self._settings = settings
        super().__init__(settings, context)
        self.stricter_steps = settings.clustering.stricter_steps

    def begin_round(self, features: Features, iterations: int) -> Round:
        """Cluster, and sample PK batches."""
        settings, context = self._settings, self.context
        if settings.center_cameras and context.cameras is not None:
            features = center_cameras(features, context.cameras)
        clustering = self.apply_constraints(
            features, lambda: cluster_round(features, settings, context, self.strictness)
        )
        sampler = PkSampler(clustering.labels, settings.sampler, context.generator, context.cameras)
        return Round(clustering, sampler.batches(iterations))

    def losses(self, batch: Batch) -> Step:
        """One term: the triplet loss."""
        features = self.context.encoder(batch.images)
        triplet = batch_hard_triplet(features, batch.labels, self._settings.margin)
        return Step({"triplet": triplet}, features.detach(), batch.labels)

    def after_step(self, step: Step) -> None:
        """Do nothing: there is no memory."""
