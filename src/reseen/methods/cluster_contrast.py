"""Cluster contrast: the field's standard baseline.

Each round: features -> k-reciprocal Jaccard distance -> DBSCAN -> one centroid per cluster -> PK batches; each
feature is pulled to its cluster's centroid and pushed from all others, and the centroids follow the features.

Reference: Dai et al., "Cluster contrast for unsupervised person re-identification", ACCV 2022, section 3.
"""

from typing import Annotated, Literal

from pydantic import Field

from reseen.cluster import Clustering, DbscanSettings, center_cameras, cluster_features
from reseen.data.sampler import PkSampler, SamplerSettings
from reseen.losses import cluster_contrast
from reseen.memory import CentroidMemory, CentroidSettings
from reseen.methods.base import AbstractMethod, MethodSettings, Round, Step, Surroundings
from reseen.neighbors import JaccardSettings
from reseen.records import Batch, Features, to_index_tensor


class ClusterContrastSettings(MethodSettings):
    """Defaults of the literature."""

    name: Literal["cluster-contrast"] = "cluster-contrast"

    center_cameras: bool = False
    """Cluster what is left of each feature without the mean feature of its camera; nothing changes where cameras
    are unknown or switched off."""

    jaccard: JaccardSettings = JaccardSettings()
    """The distance that is clustered."""

    dbscan: DbscanSettings = DbscanSettings()
    """The clustering."""

    sampler: SamplerSettings = SamplerSettings()
    """The batches."""

    memory: CentroidSettings = CentroidSettings()
    """The centroids."""

    temperature: Annotated[float, Field(gt=0)] = 0.05
    """Divides similarities before the softmax; smaller is harder."""


class ClusterContrast(AbstractMethod):
    """Contrast every feature with the memory of cluster centroids."""

    def __init__(self, settings: ClusterContrastSettings, surroundings: Surroundings) -> None:
        self._settings = settings
        self._around = surroundings
        self._memory: CentroidMemory | None = None

    @property
    def memory(self) -> CentroidMemory:
        """The centroids of the current round."""
        if self._memory is None:
            raise RuntimeError("there are no centroids before begin_round")
        return self._memory

    def cluster(self, features: Features) -> Clustering:
        """The pseudo labels of a round."""
        settings, cameras = self._settings, self._around.cameras
        if settings.center_cameras and cameras is not None:
            features = center_cameras(features, cameras)
        return cluster_features(features, settings.jaccard, settings.dbscan, self._around.device.type)

    def begin_round(self, features: Features, iterations: int) -> Round:
        """Cluster, start the centroids at the clusters' mean directions, and sample PK batches."""
        clustering = self.cluster(features)
        self._memory = CentroidMemory(
            features.vectors.to(self._around.device),
            to_index_tensor(clustering.labels.labels).to(self._around.device),
            self._settings.memory,
        )
        sampler = PkSampler(
            clustering.labels, self._settings.sampler, self._around.generator, self._around.cameras
        )
        return Round(clustering, sampler.batches(iterations))

    def losses(self, batch: Batch) -> Step:
        """One term: the contrast with the centroids."""
        features = self._around.encoder(batch.images)
        contrast = cluster_contrast(features, batch.labels, self.memory.vectors, self._settings.temperature)
        return Step({"contrast": contrast}, features.detach(), batch.labels)

    def after_step(self, step: Step) -> None:
        """Move the centroids towards the batch's features."""
        self.memory.update(step.features, step.labels)
