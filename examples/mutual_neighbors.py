"""A clustering of one's own: crops that are each other's nearest neighbors share a cluster.

reseen train cluster-contrast --plugin examples/mutual_neighbors.py --method.clustering.name mutual-neighbors ...
"""

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from reseen.cluster import Clustering
from reseen.cluster.clusterings import CLUSTERINGS, AbstractClustering, ClusteringContext
from reseen.errors import TrainingError
from reseen.neighbors import nearest
from reseen.records import Features, contiguous


class MutualNeighbors(AbstractClustering):
    """Connected components of the graph of mutual nearest neighbors; small ones are outliers."""

    finds_outliers: ClassVar[bool] = True

    name: Literal["mutual-neighbors"] = "mutual-neighbors"

    count: Annotated[int, Field(ge=1)] = 5
    """Nearest neighbors of each crop, itself not counted."""

    smallest: Annotated[int, Field(ge=2)] = 4
    """Fewest crops of a cluster."""

    def cluster(self, features: Features, context: ClusteringContext = ClusteringContext()) -> Clustering:
        """Search neighbors, keep the mutual ones, and number the components."""
        columns = min(self.count + 1, len(features))
        found = nearest(features, columns, context.device).indices
        rows = np.repeat(np.arange(len(features)), found.shape[1])
        edges = csr_array((np.ones(len(rows)), (rows, found.ravel())), shape=(len(features),) * 2)
        _, component = connected_components(edges.minimum(edges.T), directed=False)
        sizes = np.bincount(component)
        labels = contiguous(np.where(sizes[component] >= self.smallest, component, -1).astype(np.int64))
        if labels.cluster_count < 2:
            raise TrainingError(
                f"expected at least two clusters, got {labels.cluster_count}; change clustering.count {self.count}"
            )
        return Clustering(labels)


CLUSTERINGS.register("mutual-neighbors", MutualNeighbors)
