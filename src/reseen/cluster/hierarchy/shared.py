"""The cheapest pairs of clusters by the neighbors they share: linkage over the k-reciprocal Jaccard distance.

Of all pairs of rows only those that share a neighbor have a distance below 1; the sums (or the largest) of their
similarities over pairs of clusters are all that average (or single) linkage needs, and merging folds them together.
Clusters that share no neighbor stand at distance 1 and never merge, so merging may end before the schedule does.

Reference: the distance of Zhong et al., "Re-ranking person re-identification with k-reciprocal encoding", CVPR 2017.
"""

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from scipy.sparse import csr_array

from reseen.cluster.hierarchy.candidates import DECIMALS, Pairs
from reseen.cluster.hierarchy.cost import MergeCost
from reseen.cluster.hierarchy.partition import Partition
from reseen.cluster.hierarchy.settings import HierarchySettings
from reseen.neighbors import JaccardSettings, jaccard_distance, nearest
from reseen.records import Features

_FARTHEST = 1 - 1e-6
"""A distance above this is 1: nothing is shared."""


def shared_similarity(rows: Float32[np.ndarray, "n d"], settings: JaccardSettings) -> csr_array:
    """One less the Jaccard distance of every pair of unit rows that share a neighbor, (n, n), symmetric."""
    features = Features(torch.from_numpy(rows))
    distances = jaccard_distance(features, nearest(features, settings.columns), settings, _FARTHEST)
    return csr_array(
        (1 - distances.data.astype(np.float64), distances.indices, distances.indptr), distances.shape
    )


class SharedPairs:
    """Cheapest pairs of the clusters of a partition by shared neighbors; each pair is held once."""

    def __init__(
        self, rows: Float32[np.ndarray, "n d"], start: Int64[np.ndarray, " n"], settings: HierarchySettings
    ) -> None:
        self._fold = np.maximum if settings.linkage == "single" else np.add
        self._mean = settings.linkage == "average"
        self._partition = Partition(rows)
        self._regularizer = MergeCost(
            settings.model_copy(update={"linkage": "none", "metric": "sqeuclidean"})
        )
        similarity = shared_similarity(rows, settings.jaccard).tocoo()
        once = similarity.row < similarity.col
        self._first, self._second = (
            similarity.row[once].astype(np.int64),
            similarity.col[once].astype(np.int64),
        )
        self._similarity: Float64[np.ndarray, " p"] = similarity.data[once]
        self.merge(start)

    @property
    def count(self) -> int:
        """Clusters left."""
        return len(self._partition.alive)

    def cheapest(self, wanted: int) -> Pairs:
        """All pairs that share a neighbor by cost, equals by name; `wanted` is not needed here."""
        del wanted
        counts = self._partition.counts
        similarity = self._similarity
        if self._mean:
            similarity = similarity / (counts[self._first] * counts[self._second])
        cost = 1 - similarity + self._penalties()
        order = np.lexsort((self._second, self._first, np.round(cost, DECIMALS)))
        return self._first[order], self._second[order], cost[order]

    def merge(self, target: Int64[np.ndarray, " n"]) -> None:
        """Join clusters: see `Partition.merge`."""
        self._partition.merge(target)
        one, other = target[self._first], target[self._second]
        first, second = np.minimum(one, other), np.maximum(one, other)
        apart = first < second
        first, second, similarity = first[apart], second[apart], self._similarity[apart]
        order = np.lexsort((second, first))
        first, second = first[order], second[order]
        fresh = np.ones(len(order), bool)
        fresh[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
        starts = np.flatnonzero(fresh)
        self._first, self._second = first[starts], second[starts]
        self._similarity = self._fold.reduceat(similarity[order], starts) if len(starts) else similarity[:0]

    def _penalties(self) -> Float64[np.ndarray, " p"]:
        """The weighted regularizer of each pair."""
        if self._regularizer.joint:
            return self._regularizer.of_pairs(self._partition, self._first, self._second)
        alive = self._partition.alive
        own = np.zeros(len(self._partition.counts))
        own[alive] = self._regularizer.penalties(self._partition, alive)
        return own[self._first] + own[self._second]
