"""A method of one's own: cluster contrast whose centroids stand still within a round.

python examples/static_centroids.py DATA RUN
"""

import sys
from typing import Literal

import reseen
from reseen.cluster import DbscanSettings, cluster_features
from reseen.data.sampler import PkSampler, SamplerSettings
from reseen.losses import cluster_contrast
from reseen.memory import CentroidMemory, CentroidSettings
from reseen.methods import (
    METHODS,
    AbstractMethod,
    MethodContext,
    MethodSettings,
    RegisteredMethod,
    Round,
    Step,
)
from reseen.neighbors import JaccardSettings
from reseen.records import Batch, Features, to_index_tensor


class StaticCentroidsSettings(MethodSettings):
    """What can be set."""

    name: Literal["static-centroids"] = "static-centroids"

    jaccard: JaccardSettings = JaccardSettings()
    """The distance that is clustered."""

    dbscan: DbscanSettings = DbscanSettings()
    """The clustering."""

    sampler: SamplerSettings = SamplerSettings()
    """The batches."""

    temperature: float = 0.05
    """Divides similarities before the softmax; smaller is harder."""


class StaticCentroids(AbstractMethod):
    """Pull every feature to its cluster's centroid; find new centroids in the next round only."""

    def __init__(self, settings: StaticCentroidsSettings, context: MethodContext) -> None:
        self._settings = settings
        self._around = context

    def begin_round(self, features: Features, iterations: int) -> Round:
        """Cluster, take the clusters' mean directions, sample PK batches."""
        settings, around = self._settings, self._around
        device = around.device.type
        # Once, where several processes train; with what a person said of pairs.
        clustering = self.apply_constraints(
            features, lambda: cluster_features(features, settings.jaccard, settings.dbscan, device)
        )
        labels = to_index_tensor(clustering.labels.labels)
        self._centroids = CentroidMemory(features.vectors, labels, CentroidSettings()).vectors.to(
            around.device
        )
        sampler = PkSampler(clustering.labels, settings.sampler, around.generator, around.cameras)
        return Round(clustering, sampler.batches(iterations))

    def losses(self, batch: Batch) -> Step:
        """One term: the contrast with the centroids."""
        features = self._around.encoder(batch.images)
        contrast = cluster_contrast(features, batch.labels, self._centroids, self._settings.temperature)
        return Step({"contrast": contrast}, features.detach(), batch.labels)

    def after_step(self, step: Step) -> None:
        """Nothing: the centroids stand still."""


METHODS["static-centroids"] = RegisteredMethod(StaticCentroids, StaticCentroidsSettings)

if __name__ == "__main__":
    data, out = sys.argv[1:]
    recipe = reseen.load_recipe("cluster-contrast", ["--method.name", "static-centroids"])
    run = reseen.train(recipe, data, out)
    print(f"{run.log[-1]['clusters']} clusters after {run.rounds_done} rounds")
