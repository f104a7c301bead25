"""What methods share that contrast features with cluster centroids: they differ in how they cluster.

Each round: features -> clusters -> one centroid per cluster -> PK batches; each feature is pulled to its cluster's
centroid and pushed from all others, and the centroids follow the features.

Reference: Dai et al., "Cluster contrast for unsupervised person re-identification", ACCV 2022, section 3.

Cluster contrast: the field's standard baseline.

Each round: features -> k-reciprocal Jaccard distance -> DBSCAN -> contrast with the centroids of the clusters.

Reference: Dai et al., "Cluster contrast for unsupervised person re-identification", ACCV 2022, section 3.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor

from reseen.cluster import center_cameras
from reseen.conditions import When
from reseen.data.sampler import PkSampler, SamplerSettings
from reseen.losses import cluster_contrast
from reseen.memory import CentroidMemory, CentroidSettings
from reseen.methods.base import AbstractMethod, MethodContext, Round, Step
from reseen.methods.camera_contrast import CameraContrast, CameraContrastSettings
from reseen.methods.clustered import ClusteredMethodSettings, cluster_round
from reseen.records import Batch, Features, to_index_tensor


class ContrastSettings(ClusteredMethodSettings):
    """Everything but the name; defaults of the literature."""

    center_cameras: bool = True
    """Cluster what is left of each feature without the mean feature of its camera; nothing changes where cameras
    are unknown or switched off."""

    sampler: SamplerSettings = SamplerSettings()
    """The batches."""

    memory: CentroidSettings = CentroidSettings()
    """The centroids."""

    temperature: Annotated[float, Field(gt=0)] = 0.05
    """Divides similarities before the softmax; smaller is harder."""

    camera_contrast: CameraContrastSettings = CameraContrastSettings()
    """What cameras add to the contrast."""

    def recipe_conditions(self) -> Mapping[str, When]:
        """Cameras can be centered and contrasted where they are used."""
        return {
            **super().recipe_conditions(),
            **self.camera_contrast.recipe_conditions("method.camera_contrast"),
            "method.center_cameras": When(cameras=True),
        }


class CentroidContrast(AbstractMethod):
    """Contrast every feature with the memory of cluster centroids."""

    def __init__(self, settings: Any, context: MethodContext) -> None:
        self._settings = settings
        super().__init__(settings, context)
        self.stricter_steps = settings.clustering.stricter_steps
        self._memory: CentroidMemory | None = None
        self._cameras = CameraContrast(settings.camera_contrast, context)

    @property
    def memory(self) -> CentroidMemory:
        """The centroids of the current round."""
        if self._memory is None:
            raise RuntimeError("there are no centroids before begin_round")
        return self._memory

    def begin_round(self, features: Features, iterations: int) -> Round:
        """Cluster, start centroids and camera proxies at mean directions, and sample PK batches."""
        cameras = self.context.cameras
        centered = self._settings.center_cameras and cameras is not None
        clustered = center_cameras(features, cameras) if centered else features
        clustering = self.apply_constraints(
            clustered, lambda: cluster_round(clustered, self._settings, self.context, self.strictness)
        )
        self._memory = CentroidMemory(
            features.vectors.to(self.context.device),
            to_index_tensor(clustering.labels.labels).to(self.context.device),
            self._settings.memory,
        )
        self._cameras.begin_round(features.vectors, clustering.labels)
        sampler = PkSampler(clustering.labels, self._settings.sampler, self.context.generator, cameras)
        return Round(clustering, sampler.batches(iterations))

    def losses(self, batch: Batch) -> Step:
        """The contrast with the centroids, and with those of other cameras where that is wanted."""
        features = self.context.encoder(batch.images)
        terms = {"contrast": self.contrast(features, batch.labels)}
        terms |= self._cameras.terms(features, batch.labels, batch.cameras)
        return Step(terms, features.detach(), batch.labels, {"cameras": batch.cameras})

    def contrast(self, features: Float[Tensor, "b d"], labels: Int64[Tensor, " b"]) -> Float[Tensor, ""]:
        """The loss of unit rows against the centroids, as cameras weigh it."""
        weights, excluded = self._cameras.weights(labels), self._cameras.excluded(labels)
        return cluster_contrast(
            features, labels, self.memory.vectors, self._settings.temperature, weights, excluded
        )

    def after_step(self, step: Step) -> None:
        """Move centroids and proxies towards the batch's features."""
        self.memory.update(step.features, step.labels)
        self._cameras.after_step(step.features, step.labels, step.remembered["cameras"])

    def state(self) -> dict[str, Tensor]:
        """What cameras add keeps count of the rounds."""
        return self._cameras.state()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on with that count."""
        self._cameras.restore(state)


class ClusterContrastSettings(ContrastSettings):
    """Defaults of the literature."""

    name: Literal["cluster-contrast"] = "cluster-contrast"


class ClusterContrast(CentroidContrast):
    """Contrast with the centroids of clusters, by default DBSCAN's; what these leave out is excluded for the round."""
