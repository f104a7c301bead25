"""What methods share that cluster all crops in every round: the clustering, and what is left out of its clusters.

A method that learns from no clusters has them made as well, to look at and to audit: `display_clusters`.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Self

from pydantic import Field

from reseen.cluster import Clustering, prune
from reseen.cluster.clusterings import (
    CLUSTERINGS,
    AbstractClustering,
    AnyClustering,
    ClusteringContext,
    DbscanClustering,
)
from reseen.conditions import When
from reseen.errors import TrainingError
from reseen.methods.base import MethodContext, SampledMethodSettings
from reseen.methods.global_patch_settings import GlobalPatchSettings
from reseen.neighbors import credible_groups, credible_neighbors
from reseen.records import Features, PseudoLabels


class ClusteredMethodSettings(SampledMethodSettings):
    """Base of the settings of methods that learn from the clusters of whole images."""

    clustering: AnyClustering = DbscanClustering()
    """The clustering; `name` selects it."""

    tracklets: bool = True
    """Crops of one tracklet start as one cluster, where tracklets are known and the clustering starts from any; false:
    every crop starts alone."""

    smallest_cluster: Annotated[int, Field(ge=1)] = 2
    """Clusters of fewer crops are excluded as outliers for the round, where the clustering finds no outliers itself; 1
    keeps lone crops."""

    drop_doubtful: bool = False
    """Crops that are nearer to another cluster's mean direction than to their own's are excluded for the round."""

    @property
    def round_clustering(self) -> AbstractClustering | None:
        """The `clustering`."""
        return self.clustering

    def for_size(self, crops: int) -> Self:
        """With the clustering for so many crops."""
        return self.model_copy(update={"clustering": self.clustering.for_size(crops)})

    def conditions(self) -> Mapping[str, When]:
        """Tracklets and the smallest cluster matter to some clusterings."""
        found = {}
        if not self.clustering.takes_tracklets:
            found["tracklets"] = _of_clusterings(lambda kind: kind.takes_tracklets)
        if self.clustering.finds_outliers:
            found["smallest_cluster"] = _of_clusterings(lambda kind: not kind.finds_outliers)
        return found

    def recipe_conditions(self) -> Mapping[str, When]:
        """Those of the clustering."""
        return {
            **super().recipe_conditions(),
            **self.clustering.recipe_conditions("method.clustering"),
        }


def cluster_round(
    features: Features, settings: ClusteredMethodSettings, context: MethodContext, strictness: int
) -> Clustering:
    """The clusters that a round learns from, by settings made stricter by so many steps.

    Raises:
        TrainingError: fewer than two clusters remain.
    """
    clustering = settings.clustering
    found = clustering.cluster(features, context.clustering(strictness, settings.tracklets))
    smallest = 1 if clustering.finds_outliers else settings.smallest_cluster
    return prune(features, found, smallest, settings.drop_doubtful)


def _of_clusterings(fits: Callable[[type[AbstractClustering]], bool]) -> When:
    return When({"clustering.name": tuple(name for name, kind in CLUSTERINGS.items() if fits(kind))})


def display_clusters(features: Features, settings: GlobalPatchSettings, context: MethodContext) -> Clustering:
    """As cluster contrast clusters; where that finds none, the groups that credible neighbors connect.

    Such groups are no clusters to speak of: chains of neighbors connect most of the crops.
    """
    device = context.device.type
    try:
        return settings.clusters.clustering.cluster(features, ClusteringContext(device))
    except TrainingError as error:
        groups = credible_groups(credible_neighbors(features, settings.credible, device))
        note = f"no clusters to look at, but groups that credible neighbors connect: {error}"
        return Clustering(PseudoLabels(groups), notes=(note,))
