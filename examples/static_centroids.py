"""A method of one's own: cluster contrast whose centroids are fixed within a round.

reseen train examples/static-centroids.yaml --plugin examples/static_centroids.py --data DATA --out RUN
"""

from typing import Literal

from reseen.cluster.clusterings import AnyClustering, DbscanClustering
from reseen.data.sampler import PkSampler
from reseen.losses import cluster_contrast
from reseen.memory import CentroidMemory, CentroidSettings
from reseen.methods import (
    METHODS,
    AbstractMethod,
    MethodContext,
    RegisteredMethod,
    Round,
    SampledMethodSettings,
    Step,
)
from reseen.records import Batch, Features, to_index_tensor


class StaticCentroidsSettings(SampledMethodSettings):
    """What can be set."""

    name: Literal["static-centroids"] = "static-centroids"

    clustering: AnyClustering = DbscanClustering()
    """The clustering; any registered one, chosen by its name."""

    temperature: float = 0.05
    """Divides similarities before the softmax; smaller is harder."""


class StaticCentroids(AbstractMethod):
    """Pull every feature to its cluster's centroid, which changes with the next round only."""

    updates_memory = False

    def __init__(self, settings: StaticCentroidsSettings, context: MethodContext) -> None:
        super().__init__(settings, context)
        self._settings = settings

    def begin_round(self, features: Features, iterations: int) -> Round:
        """Cluster, take the clusters' mean directions, sample PK batches."""
        settings, context = self._settings, self.context
        # Computed in one of several processes; a person's answers are applied to the labels.
        clustering = self.apply_constraints(
            features, lambda: settings.clustering.cluster(features, context.clustering())
        )
        labels = to_index_tensor(clustering.labels.labels)
        self._centroids = CentroidMemory(features.vectors, labels, CentroidSettings()).vectors.to(
            context.device
        )
        sampler = PkSampler(clustering.labels, settings.sampler, context.generator, context.cameras)
        return Round(clustering, sampler.batches(iterations))

    def losses(self, batch: Batch) -> Step:
        """One term: the contrast with the centroids."""
        features = self.context.encoder(batch.images)
        contrast = cluster_contrast(features, batch.labels, self._centroids, self._settings.temperature)
        return Step({"contrast": contrast}, features.detach(), batch.labels)

    def after_step(self, step: Step) -> None:
        """Nothing: the centroids are fixed."""


METHODS.register("static-centroids", RegisteredMethod(StaticCentroids, StaticCentroidsSettings))
