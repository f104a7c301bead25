"""What methods share that contrast features with cluster centroids: they differ in how they cluster.

Each round: features -> clusters -> one centroid per cluster -> PK batches; each feature is pulled to its cluster's
centroid and pushed from all others, and the centroids follow the features.

Reference: Dai et al., "Cluster contrast for unsupervised person re-identification", ACCV 2022, section 3.

Cluster contrast: the field's standard baseline.

Each round: features -> k-reciprocal Jaccard distance -> DBSCAN -> contrast with the centroids of the clusters.

Reference: Dai et al., "Cluster contrast for unsupervised person re-identification", ACCV 2022, section 3.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from reseen.cluster import Clustering, DbscanSettings, center_cameras, cluster_features
from reseen.conditions import When
from reseen.data.sampler import PkSampler, SamplerSettings
from reseen.losses import cluster_contrast
from reseen.memory import CentroidMemory, CentroidSettings
from reseen.methods.base import AbstractMethod, MethodContext, Round, SampledMethodSettings, Step
from reseen.neighbors import JaccardSettings
from reseen.records import Batch, Features, to_index_tensor


class ContrastSettings(SampledMethodSettings):
    """Everything but the clustering; defaults of the literature."""

    center_cameras: bool = False
    """Cluster what is left of each feature without the mean feature of its camera; nothing changes where cameras
    are unknown or switched off."""

    sampler: SamplerSettings = SamplerSettings()
    """The batches."""

    memory: CentroidSettings = CentroidSettings()
    """The centroids."""

    temperature: Annotated[float, Field(gt=0)] = 0.05
    """Divides similarities before the softmax; smaller is harder."""

    def recipe_conditions(self) -> Mapping[str, When]:
        """Cameras can be centered where they are used."""
        return {**super().recipe_conditions(), "method.center_cameras": When(cameras=True)}


class CentroidContrast(AbstractMethod):
    """Contrast every feature with the memory of cluster centroids."""

    def __init__(self, settings: Any, context: MethodContext) -> None:
        self._settings = settings
        super().__init__(settings, context)
        self._memory: CentroidMemory | None = None

    @abstractmethod
    def cluster(self, features: Features) -> Clustering:
        """The pseudo labels of a round, from features that are centered already where that is wanted."""

    @property
    def memory(self) -> CentroidMemory:
        """The centroids of the current round."""
        if self._memory is None:
            raise RuntimeError("there are no centroids before begin_round")
        return self._memory

    def begin_round(self, features: Features, iterations: int) -> Round:
        """Cluster, start the centroids at the clusters' mean directions, and sample PK batches."""
        cameras = self.context.cameras
        centered = self._settings.center_cameras and cameras is not None
        clustered = center_cameras(features, cameras) if centered else features
        clustering = self.apply_constraints(clustered, lambda: self.cluster(clustered))
        self._memory = CentroidMemory(
            features.vectors.to(self.context.device),
            to_index_tensor(clustering.labels.labels).to(self.context.device),
            self._settings.memory,
        )
        sampler = PkSampler(clustering.labels, self._settings.sampler, self.context.generator, cameras)
        return Round(clustering, sampler.batches(iterations))

    def losses(self, batch: Batch) -> Step:
        """One term: the contrast with the centroids."""
        features = self.context.encoder(batch.images)
        contrast = cluster_contrast(features, batch.labels, self.memory.vectors, self._settings.temperature)
        return Step({"contrast": contrast}, features.detach(), batch.labels)

    def after_step(self, step: Step) -> None:
        """Move the centroids towards the batch's features."""
        self.memory.update(step.features, step.labels)


class ClusterContrastSettings(ContrastSettings):
    """Defaults of the literature."""

    name: Literal["cluster-contrast"] = "cluster-contrast"

    jaccard: JaccardSettings = JaccardSettings()
    """The distance that is clustered."""

    dbscan: DbscanSettings = DbscanSettings()
    """The clustering."""


class ClusterContrast(CentroidContrast):
    """Contrast with the centroids of DBSCAN's clusters."""

    def cluster(self, features: Features) -> Clustering:
        """DBSCAN on the k-reciprocal Jaccard distance; what it leaves out sits the round out."""
        settings, around = self._settings, self.context
        return cluster_features(
            features, settings.jaccard, settings.dbscan, around.device.type, around.copies
        )
