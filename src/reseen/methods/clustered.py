"""Clustering of all crops in every round, shared by several methods: its settings, and the pruning of its clusters.

A method whose losses do not use clusters also computes them, for reports and audits: `display_clusters`.
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
    """Base of the settings of methods that train on clusters of whole images."""

    clustering: AnyClustering = DbscanClustering()
    """The clustering; `name` selects it."""

    tracklets: bool = True
    """Start from one cluster per tracklet, if tracklets are known and the clustering supports it; false: start from
    single crops."""

    smallest_cluster: Annotated[int, Field(ge=1)] = 2
    """Crops of smaller clusters are excluded as outliers for the round, if the clustering does not find outliers
    itself; 1 keeps clusters of one crop."""

    drop_doubtful: bool = False
    """Exclude ambiguous crops for the round: those nearer to another cluster's mean direction than to their own's."""

    @property
    def round_clustering(self) -> AbstractClustering | None:
        """The `clustering`."""
        return self.clustering

    def for_size(self, crops: int) -> Self:
        """With the clustering's settings for this number of crops."""
        return self.model_copy(update={"clustering": self.clustering.for_size(crops)})

    def conditions(self) -> Mapping[str, When]:
        """`tracklets` and `smallest_cluster` have an effect with some clusterings only."""
        conditions = {}
        if not self.clustering.takes_tracklets:
            conditions["tracklets"] = _when_clustering(lambda kind: kind.takes_tracklets)
        if self.clustering.finds_outliers:
            conditions["smallest_cluster"] = _when_clustering(lambda kind: not kind.finds_outliers)
        return conditions

    def recipe_conditions(self) -> Mapping[str, When]:
        """Includes the conditions of the clustering."""
        return {
            **super().recipe_conditions(),
            **self.clustering.recipe_conditions("method.clustering"),
        }


def cluster_round(
    features: Features, settings: ClusteredMethodSettings, context: MethodContext, strictness: int
) -> Clustering:
    """Cluster the features of a round, and exclude small clusters and ambiguous crops.

    Args:
        features: features of all training rows.
        settings: the clustering and the pruning.
        context: context of the method.
        strictness: how many steps stricter than the settings to cluster, 0 for none.

    Raises:
        TrainingError: fewer than two clusters remain.
    """
    clustering = settings.clustering
    result = clustering.cluster(features, context.clustering(strictness, settings.tracklets))
    smallest = 1 if clustering.finds_outliers else settings.smallest_cluster
    return prune(features, result, smallest, settings.drop_doubtful)


def _when_clustering(matches: Callable[[type[AbstractClustering]], bool]) -> When:
    return When({"clustering.name": tuple(name for name, kind in CLUSTERINGS.items() if matches(kind))})


def display_clusters(features: Features, settings: GlobalPatchSettings, context: MethodContext) -> Clustering:
    """Clusters for display only: those of `clusters.clustering`, else connected components of credible neighbors.

    Such components are poor clusters: chains of neighbors connect most crops.
    """
    device = context.device.type
    try:
        return settings.clusters.clustering.cluster(features, ClusteringContext(device))
    except TrainingError as error:
        groups = credible_groups(credible_neighbors(features, settings.credible, device))
        note = f"no clusters to display, showing connected components of credible neighbors instead: {error}"
        return Clustering(PseudoLabels(groups), notes=(note,))
