r"""The cost of merging two clusters, computed from counts, sums and sums of squares.

With means $\mu$ and $q$ the mean squared length of a cluster's rows, the mean squared distance between members of A
and B is $q_A + q_B - 2 \mu_A \cdot \mu_B$; between means, the same with $|\mu|^2$ for $q$; the squared energy distance
is twice that. So a cost is $u_A + u_B - f \, v_A \cdot v_B$ with a scalar $u$ and a vector $v$ per cluster, and the
cheapest partners of a cluster are found by maximum inner product search. Regularizers of single clusters are part of
$u$. Those of the union need one more term, Ward's increment, $\frac{n_A n_B}{n_A + n_B} |\mu_A - \mu_B|^2$, and the
root of Euclidean distances is not a sum either: such costs are computed in blocks.

Reference: the Lance-Williams family in this form, Murtagh and Contreras, "Algorithms for hierarchical clustering: an
overview", 2012; the regularizers of Lin et al., AAAI 2019 (size) and Ding et al., BMVC 2019 (dispersion); the sum of
squares after the abstract of Zheng et al., "Clustering matters: sphere feature for fully unsupervised person
re-identification", ACM TOMM 2022, in our reconstruction.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64

from reseen.cluster.hierarchy.partition import Partition
from reseen.cluster.hierarchy.settings import HierarchySettings

_PAIRS_AT_ONCE = 1 << 22
"""Values per operand of a block of pairs: 32 MiB of float64."""


@dataclass(frozen=True)
class Terms:
    """Terms of the cost of some clusters, one row per cluster."""

    vectors: Float64[np.ndarray, "m d"]
    """v of the linkage."""
    offsets: Float64[np.ndarray, " m"]
    """u of the linkage, without the regularizer."""
    penalties: Float64[np.ndarray, " m"]
    """Weighted regularizer of each cluster."""
    means: Float64[np.ndarray, "m d"]
    lengths: Float64[np.ndarray, " m"]
    """Squared norms of the means."""
    counts: Float64[np.ndarray, " m"]


class MergeCost:
    """Merge costs for all linkages except `single` and those that need all pairs of rows."""

    def __init__(self, settings: HierarchySettings) -> None:
        self._settings = settings
        linkage, metric = settings.linkage, settings.metric
        self.factor = {"sqeuclidean": 2.0, "euclidean": 2.0, "cosine": 1.0}[metric] * (
            2.0 if linkage == "energy" else 1.0
        )
        if linkage == "none":
            self.factor = 0.0
        self.root = metric == "euclidean" and linkage == "centroid"
        """Whether the linkage distance is the square root of the sum."""
        self.joint = settings.weight if settings.regularizer in ("sse_union", "ward") else 0.0
        """Weight of Ward's increment."""

    @property
    def linear(self) -> bool:
        """Whether the cost is a sum of offsets minus an inner product."""
        return not self.root and self.joint == 0.0 and self.factor > 0.0

    def terms(self, partition: Partition, names: Int64[np.ndarray, " m"]) -> Terms:
        """The terms of the cost of the named clusters."""
        means, counts = partition.means(names), partition.counts[names]
        lengths = partition.lengths[names] / counts**2
        vectors, offsets = means, np.zeros(len(names))
        linkage, cosine = self._settings.linkage, self._settings.metric == "cosine"
        if linkage == "average":
            offsets = np.full(len(names), 0.5) if cosine else partition.squares[names] / counts
        elif linkage == "centroid" and cosine:
            vectors = means / np.sqrt(np.maximum(lengths, 1e-24))[:, None]
            offsets = np.full(len(names), 0.5)
        elif linkage == "centroid":
            offsets = lengths
        elif linkage == "energy":
            offsets = lengths * (1.0 if cosine else 2.0)
        return Terms(vectors, offsets, self.penalties(partition, names), means, lengths, counts)

    def between(
        self, one: Terms, other: Terms, products: Float[np.ndarray, "..."], means: Float[np.ndarray, "..."]
    ) -> Float[np.ndarray, "..."]:
        """Costs from the inner products of the vectors (`products`) and of the means (`means`); arguments broadcast.

        `means` is only used if the cost has a term of the union.
        """
        cost = one.offsets + other.offsets - self.factor * products
        if self._settings.linkage == "none":
            cost = np.zeros_like(products)
        cost = np.maximum(cost, 0)
        if self.root:
            cost = np.sqrt(cost)
        cost = cost + (one.penalties + other.penalties)
        if self.joint:
            squared = np.maximum(one.lengths + other.lengths - 2 * means, 0)
            cost = cost + self.joint * (one.counts * other.counts / (one.counts + other.counts)) * squared
        return cost

    def of_pairs(
        self, partition: Partition, first: Int64[np.ndarray, " p"], second: Int64[np.ndarray, " p"]
    ) -> Float64[np.ndarray, " p"]:
        """Costs of the given pairs of clusters."""
        at_once = max(1, _PAIRS_AT_ONCE // partition.dimension)
        parts = [np.zeros(0)]
        for begin in range(0, len(first), at_once):
            one = self.terms(partition, first[begin : begin + at_once])
            other = self.terms(partition, second[begin : begin + at_once])
            products = np.einsum("pd,pd->p", one.vectors, other.vectors)
            means = np.einsum("pd,pd->p", one.means, other.means) if self.joint else products
            parts.append(self.between(one, other, products, means))
        return np.concatenate(parts)

    def penalties(self, partition: Partition, names: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
        """Weighted regularizer of each single cluster; `sse_union` adds Ward's increment to it."""
        kind, weight = self._settings.regularizer, self._settings.weight
        if kind in ("none", "ward") or weight == 0:
            return np.zeros(len(names))
        if kind == "size":
            return weight * partition.counts[names]
        errors = partition.square_errors(names)
        return weight * (2 * errors / partition.counts[names] if kind == "dispersion" else errors)
