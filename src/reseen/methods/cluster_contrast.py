"""Cluster contrast, the field's standard baseline, and the base of methods that contrast features with centroids.

Each round: features -> clusters -> one centroid per cluster -> PK batches. The loss pulls each feature to its cluster's
centroid and pushes it from all others; after each step the centroids are updated with the features of the batch.

Cluster contrast itself clusters by DBSCAN on k-reciprocal Jaccard distances. Each of its options is a file:
`camera_contrast.py`, `disputed_crops.py`, `implicit_extension.py`, `neighbor_contrast.py`, `part_blend.py`,
`soft_targets.py`.

Reference: Dai et al., "Cluster contrast for unsupervised person re-identification", ACCV 2022, section 3.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor

from reseen.cluster import Clustering, center_cameras
from reseen.conditions import When
from reseen.data.sampler import PkSampler, SamplerSettings
from reseen.losses import cluster_contrast, soft_cross_entropy, weighted_cross_entropy
from reseen.memory import CentroidMemory, CentroidSettings
from reseen.methods.base import AbstractMethod, MethodContext, Round, Step
from reseen.methods.camera_contrast import CameraContrast, CameraContrastSettings
from reseen.methods.clustered import ClusteredMethodSettings, cluster_round
from reseen.methods.disputed_crops import drop_disputed
from reseen.methods.implicit_extension import ImplicitExtension, ImplicitExtensionSettings
from reseen.methods.neighbor_contrast import NeighborContrast, NeighborContrastSettings
from reseen.methods.part_blend import WITHOUT_HALVES, PartBlend, PartBlendSettings
from reseen.methods.soft_targets import SoftTargets, SoftTargetsSettings
from reseen.models import Encoder
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

    drop_disputed: bool = False
    """Exclude crops for the round whose cluster is disputed by clusters of each camera's crops alone; no effect with
    fewer than two known cameras."""

    implicit_extension: ImplicitExtensionSettings = ImplicitExtensionSettings()
    """Contrast of samples at the border of their cluster."""

    neighbor_contrast: NeighborContrastSettings = NeighborContrastSettings()
    """Contrast with the nearest crops, in addition to that with centroids."""

    part_blend: PartBlendSettings = PartBlendSettings()
    """Clustering by whole images and their halves."""

    soft_targets: SoftTargetsSettings = SoftTargetsSettings()
    """Targets that are spread over the clusters of a crop's neighbors."""

    @property
    def counts_steps(self) -> bool:
        """Whether an option depends on the number of batches trained so far."""
        options = (self.implicit_extension.weight, self.neighbor_contrast.weight, self.soft_targets.share)
        return any(value > 0 for value in options)

    def recipe_conditions(self) -> Mapping[str, When]:
        """Settings of cameras have an effect only if cameras are enabled, options only if training reaches them."""
        return {
            **super().recipe_conditions(),
            **self.camera_contrast.recipe_conditions("method.camera_contrast"),
            **self.implicit_extension.recipe_conditions("method.implicit_extension"),
            **self.neighbor_contrast.recipe_conditions("method.neighbor_contrast"),
            **self.soft_targets.recipe_conditions("method.soft_targets"),
            "method.center_cameras": When(cameras=True),
            "method.drop_disputed": When(cameras=True),
        }


class CentroidContrast(AbstractMethod):
    """Contrasts every feature with a memory of cluster centroids."""

    def __init__(self, settings: Any, context: MethodContext) -> None:
        self._settings = settings
        super().__init__(settings, context)
        self.stricter_steps = settings.clustering.stricter_steps
        self._memory: CentroidMemory | None = None
        self._cameras = CameraContrast(settings.camera_contrast, context)
        self._blend = PartBlend(settings.part_blend)
        if self._blend.is_enabled:
            self._blend.extractor(context.encoder)  # refuses a backbone without a feature map before training
        self._extension = ImplicitExtension(settings.implicit_extension)
        self._neighbors = NeighborContrast(settings.neighbor_contrast, context)
        self._soft = SoftTargets(settings.soft_targets, context)
        self._steps = 0

    @property
    def memory(self) -> CentroidMemory:
        """The centroids of the current round.

        Raises:
            RuntimeError: `begin_round` was not called.
        """
        if self._memory is None:
            raise RuntimeError("there are no centroids before begin_round")
        return self._memory

    def extractor(self) -> Encoder:
        """The encoder, with the halves of its map if these are clustered, too."""
        return self._blend.extractor(self.context.encoder)

    def begin_round(self, features: Features, iterations: int) -> Round:
        """Cluster, initialize centroids and camera proxies at mean directions, and sample PK batches."""
        cameras = self.context.cameras
        parts = self._blend.split(features, self.context.encoder)
        features = parts[0]
        if self._settings.center_cameras and cameras is not None:
            parts = [center_cameras(part, cameras) for part in parts]
        clustered = self._blend.blended(parts)
        clustering = self.apply_constraints(clustered, lambda: self._cluster(clustered))
        if self._blend.is_enabled and len(parts) == 1:
            clustering = replace(clustering, notes=(*clustering.notes, WITHOUT_HALVES))
        self._memory = CentroidMemory(
            features.vectors.to(self.context.device),
            to_index_tensor(clustering.labels.labels).to(self.context.device),
            self._settings.memory,
        )
        self._cameras.begin_round(features.vectors, clustering.labels)
        number = self._steps // iterations + 1
        self._extension.begin_round(number)
        self._neighbors.begin_round(features, clustered, clustering.labels, number)
        self._soft.begin_round(clustered, clustering.labels, number)
        sampler = PkSampler(clustering.labels, self._settings.sampler, self.context.generator, cameras)
        return Round(clustering, sampler.batches(iterations))

    def _cluster(self, features: Features) -> Clustering:
        found = cluster_round(features, self._settings, self.context, self.strictness)
        if not self._settings.drop_disputed:
            return found
        return drop_disputed(features, found, self._settings, self.context, self.strictness)

    def losses(self, batch: Batch) -> Step:
        """The contrast with the centroids, and the terms of the enabled options."""
        features = self.context.encoder(batch.images)
        terms = {"contrast": self.contrast(features, batch.labels, batch.rows)}
        terms |= self._cameras.terms(features, batch.labels, batch.cameras)
        terms |= self.extension_terms(features, batch.labels)
        terms |= self._neighbors.terms(features, batch.rows)
        return Step(terms, features.detach(), batch.labels, {"cameras": batch.cameras, "rows": batch.rows})

    def contrast(
        self, features: Float[Tensor, "b d"], labels: Int64[Tensor, " b"], rows: Int64[Tensor, " b"]
    ) -> Float[Tensor, ""]:
        """The contrast of features of unit length with the centroids; `rows` are the training rows."""
        logits = features @ self.memory.vectors.T / self._settings.temperature
        return self.cross_entropy(logits, labels, rows)

    def cross_entropy(
        self, logits: Float[Tensor, "b c"], labels: Int64[Tensor, " b"], rows: Int64[Tensor, " b"]
    ) -> Float[Tensor, ""]:
        """The cross entropy over the clusters, with weights and masks of cameras and soft targets if enabled."""
        weights, excluded = self._cameras.weights(labels), self._cameras.excluded(labels)
        targets = self._soft.targets(labels, rows, logits.shape[1])
        if targets is None:
            return weighted_cross_entropy(logits, labels, weights, excluded)
        return soft_cross_entropy(logits, targets, weights, excluded)

    def extension_terms(
        self, features: Float[Tensor, "b d"], labels: Int64[Tensor, " b"]
    ) -> dict[str, Float[Tensor, ""]]:
        """The weighted contrast `extension` of extended samples of features of unit length; empty if disabled."""
        centroids, progress = self.memory.vectors, self._steps / self.context.steps
        samples = self._extension.samples(features, labels, centroids, progress)
        if samples is None:
            return {}
        weights, excluded = self._cameras.weights(labels), self._cameras.excluded(labels)
        loss = cluster_contrast(samples, labels, centroids, self._settings.temperature, weights, excluded)
        return {"extension": self._extension.weight * loss}

    def after_step(self, step: Step) -> None:
        """Update centroids and proxies with the features of the batch."""
        self.memory.update(step.features, step.labels)
        self._cameras.after_step(step.features, step.labels, step.extra["cameras"])
        self._neighbors.after_step(step.features, step.extra["rows"])
        self._steps += 1

    def state(self) -> dict[str, Tensor]:
        """The state of the options; centroids and targets are recomputed every round."""
        counted = {"steps": torch.tensor(self._steps)} if self._settings.counts_steps else {}
        return {**self._cameras.state(), **counted}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Load a `state`."""
        self._cameras.restore(state)
        if self._settings.counts_steps:
            self._steps = int(state["steps"])


class ClusterContrastSettings(ContrastSettings):
    """Settings of cluster contrast; defaults from the literature."""

    name: Literal["cluster-contrast"] = "cluster-contrast"


class ClusterContrast(CentroidContrast):
    """Contrast with cluster centroids, by default of DBSCAN, whose outliers are excluded for the round."""

    takes_kept_views = True
