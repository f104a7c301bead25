"""Cluster contrast, the field's standard baseline, and the base of methods that contrast features with centroids.

Each round: features -> clusters -> one centroid per cluster -> PK batches. The loss pulls each feature to its cluster's
centroid and pushes it from all others; after each step the centroids are updated with the features of the batch.

Cluster contrast itself clusters by DBSCAN on k-reciprocal Jaccard distances.

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
    """Settings of all methods that contrast features with centroids; defaults from the literature."""

    center_cameras: bool = True
    """Subtract the mean feature of its camera from each feature before clustering; no effect if cameras are unknown or
    disabled."""

    sampler: SamplerSettings = SamplerSettings()
    """The batches."""

    memory: CentroidSettings = CentroidSettings()
    """The centroids."""

    temperature: Annotated[float, Field(gt=0)] = 0.05
    """Divides similarities before the softmax; smaller is harder."""

    camera_contrast: CameraContrastSettings = CameraContrastSettings()
    """Camera-aware extensions of the contrast."""

    def recipe_conditions(self) -> Mapping[str, When]:
        """Settings of cameras have an effect only if cameras are enabled."""
        return {
            **super().recipe_conditions(),
            **self.camera_contrast.recipe_conditions("method.camera_contrast"),
            "method.center_cameras": When(cameras=True),
        }


class CentroidContrast(AbstractMethod):
    """Contrasts every feature with a memory of cluster centroids."""

    def __init__(self, settings: Any, context: MethodContext) -> None:
        self._settings = settings
        super().__init__(settings, context)
        self.stricter_steps = settings.clustering.stricter_steps
        self._memory: CentroidMemory | None = None
        self._cameras = CameraContrast(settings.camera_contrast, context)

    @property
    def memory(self) -> CentroidMemory:
        """The centroids of the current round.

        Raises:
            RuntimeError: `begin_round` was not called.
        """
        if self._memory is None:
            raise RuntimeError("there are no centroids before begin_round")
        return self._memory

    def begin_round(self, features: Features, iterations: int) -> Round:
        """Cluster, initialize centroids and camera proxies at mean directions, and sample PK batches."""
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
        """The contrast with the centroids, and with camera proxies if enabled."""
        features = self.context.encoder(batch.images)
        terms = {"contrast": self.contrast(features, batch.labels)}
        terms |= self._cameras.terms(features, batch.labels, batch.cameras)
        return Step(terms, features.detach(), batch.labels, {"cameras": batch.cameras})

    def contrast(self, features: Float[Tensor, "b d"], labels: Int64[Tensor, " b"]) -> Float[Tensor, ""]:
        """The contrast of features of unit length with the centroids, with weights and masks of cameras."""
        weights, excluded = self._cameras.weights(labels), self._cameras.excluded(labels)
        return cluster_contrast(
            features, labels, self.memory.vectors, self._settings.temperature, weights, excluded
        )

    def after_step(self, step: Step) -> None:
        """Update centroids and proxies with the features of the batch."""
        self.memory.update(step.features, step.labels)
        self._cameras.after_step(step.features, step.labels, step.extra["cameras"])

    def state(self) -> dict[str, Tensor]:
        """The state of the camera-aware extensions; centroids are recomputed every round."""
        return self._cameras.state()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Load a `state`."""
        self._cameras.restore(state)


class ClusterContrastSettings(ContrastSettings):
    """Settings of cluster contrast; defaults from the literature."""

    name: Literal["cluster-contrast"] = "cluster-contrast"


class ClusterContrast(CentroidContrast):
    """Contrast with cluster centroids, by default of DBSCAN, whose outliers are excluded for the round."""
