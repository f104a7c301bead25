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
from reseen.cluster.hierarchy.folding import fold_pairs
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
        self._largest = settings.linkage == "single"
        self._mean = settings.linkage == "average"
        self._partition = Partition(rows)
        self._regularizer = MergeCost(
            settings.model_copy(update={"linkage": "none", "metric": "sqeuclidean"})
        )
        similarity = shared_similarity(rows, settings.jaccard).tocoo()
        once = similarity.row < similarity.col
        self._first, self._second = (
            names[once].astype(np.int32) for names in (similarity.row, similarity.col)
        )
        self._similarity: Float64[np.ndarray, " p"] = similarity.data[once]
        self.merge(start)

    @property
    def count(self) -> int:
        """Clusters left."""
        return len(self._partition.alive)

    def cheapest(self, wanted: int) -> Pairs:
        """At least the `wanted` cheapest pairs that share a neighbor, equals by name; all where there are fewer."""
        cost = self._cost = self._costs() if self._cost is None else self._cost
        first, second = self._first, self._second
        limit = np.partition(cost, wanted)[wanted] if wanted < len(cost) else np.inf
        if np.isfinite(limit):
            near = np.flatnonzero(cost <= limit + 10.0**-DECIMALS)  # with all that round to the same
            near = near[np.round(cost[near], DECIMALS) <= np.round(limit, DECIMALS)]
            first, second, cost = first[near], second[near], cost[near]
        order = np.lexsort((second, first, np.round(cost, DECIMALS)))
        return first[order].astype(np.int64), second[order].astype(np.int64), cost[order]

    def merge(self, target: Int64[np.ndarray, " n"]) -> None:
        """Join clusters: see `Partition.merge`."""
        self._partition.merge(target)
        self._first, self._second, self._similarity = fold_pairs(
            self._first, self._second, self._similarity, target, self._largest
        )
        self._cost: Float64[np.ndarray, " p"] | None = None

    def _costs(self) -> Float64[np.ndarray, " p"]:
        """What merging each pair costs."""
        similarity = self._similarity
        if self._mean:
            counts = self._partition.counts
            similarity = similarity / (counts[self._first] * counts[self._second])
        return 1 - similarity + self._penalties()

    def _penalties(self) -> Float64[np.ndarray, " p"]:
        """The weighted regularizer of each pair."""
        if self._regularizer.joint:
            return self._regularizer.of_pairs(self._partition, self._first, self._second)
        alive = self._partition.alive
        own = np.zeros(len(self._partition.counts))
        own[alive] = self._regularizer.penalties(self._partition, alive)
        return own[self._first] + own[self._second]
