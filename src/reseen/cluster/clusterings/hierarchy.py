"""Agglomerative clustering, starting from single crops or from tracklets."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

import numpy as np
from jaxtyping import Float64, Int64

from reseen.cluster.agglomerative import merge_features
from reseen.cluster.clustering import Clustering
from reseen.cluster.clusterings.base import AbstractClustering, ClusteringContext
from reseen.cluster.hierarchy import (
    PAIR_BYTES,
    HierarchySettings,
    count_shared_pairs,
    grow_hierarchy,
    most_merges,
)
from reseen.cluster.hierarchy.settings import ENDS
from reseen.conditions import When
from reseen.records import Features, Neighbors, PseudoLabels

_NEIGHBORS = 17
"""Neighbors of each row used for merging out of core, including the row itself."""
_PER_ROW = 1_500
"""Bytes per row out of core: sixteen candidate pairs, in a pool that is copied when it grows."""
_MOST_BLOCKS = 400_000_000
"""Maximum bytes of blocks of products, lists and centers out of core."""
_EXACT_POWER, _APPROXIMATE_POWER = 2.0, 1.5
"""Time exponents of an exact search (all pairs), and of an approximate one (a fixed number of inverted lists)."""


class HierarchicalClustering(HierarchySettings, AbstractClustering):
    """Merges the cheapest pairs of clusters, step by step; every crop is in a cluster."""

    takes_tracklets: ClassVar[bool] = True

    name: Literal["hierarchy"] = "hierarchy"

    def cluster(self, features: Features, context: ClusteringContext = ClusteringContext()) -> Clustering:
        """See `merge_features`."""
        progress = context.phase("merging", most_merges(len(features), self))
        return merge_features(features, self, context.tracklets, progress)

    def for_once(self) -> Self:
        """With `stop: auto`: the number of clusters is chosen without labels, unless flags set another criterion."""
        share = HierarchySettings().share if self.share is None else self.share
        ends = {name: type(self).model_fields[name].default for name in ENDS}
        return self.model_copy(update={**ends, "stop": "auto", "share": share})

    def recipe_conditions(self, path: str) -> Mapping[str, When]:
        """`feature: raw` has an effect only if features are not of unit length, with `model.feature: raw`.

        With `stop: auto` it always has an effect, because halves of unit vectors have different lengths.
        """
        if self.feature == "sphere" or self.stop == "auto":
            return {}
        return {f"{path}.feature": When({"model.feature": "raw"})}

    def check_grows(self) -> None:
        """Check that merging can stop without knowing later steps.

        Raises:
            ValueError: `stop` is `auto`.
        """
        if self.stop == "auto":
            raise ValueError(
                "stop auto compares all merging steps, so it does not work with one step per round; use steps, "
                "clusters or distance"
            )

    def grow(
        self,
        features: Features,
        labels: Int64[np.ndarray, " n"],
        share_of: int,
        done: int = 0,
        steps: int = 1,
    ) -> tuple[PseudoLabels, Float64[np.ndarray, " m"]]:
        """Merge the cheapest pairs of the given clusters; see `AbstractClustering.grow`."""
        if self.stop == "steps" and done >= self.steps:
            return PseudoLabels(labels), np.empty(0)
        grown = grow_hierarchy(features.numpy, self, labels, share_of=share_of, most_steps=steps)
        return grown.labels, grown.cost

    def for_size(self, rows: int) -> Self:
        """With engine `approximate` if that is selected for this number of rows."""
        return self.model_copy(update={"engine": "approximate"}) if self.approximates(rows) else self

    def time_power(self, rows: int) -> float | None:
        """2 for an exact search, 1.5 for an approximate one."""
        return _APPROXIMATE_POWER if self.approximates(rows) else _EXACT_POWER

    def pair_bytes(self, features: Features) -> float | None:
        """Bytes of the pairs of rows that share neighbors, for metric `jaccard`; else None."""
        if self.metric != "jaccard":
            return None
        return float(PAIR_BYTES * count_shared_pairs(features, self.jaccard))

    @property
    def tree(self) -> HierarchySettings:
        """These settings."""
        return self

    @property
    def neighbors(self) -> int:
        """The neighbors that replace the first search for pairs."""
        return _NEIGHBORS

    def check_out_of_core(self) -> None:
        """Check that costs are inner products.

        Raises:
            ValueError: they are not, or the engine is `dense`.
        """
        if not self.can_approximate or self.engine == "dense":
            raise ValueError(
                "vectors on disk can only be merged by costs that are inner products: not with linkage single or none, "
                "metric euclidean or jaccard, regularizer sse_union or ward, share null, or engine dense; change "
                "these, or give crops with --data"
            )

    def out_of_core_bytes(self, rows: int, dimension: int, threads: int) -> int:  # noqa: ARG002
        """Memory in bytes of candidate pairs and blocks of products."""
        return rows * _PER_ROW + min(_MOST_BLOCKS, 16 * rows * dimension)

    def cluster_neighbors(
        self, features: Features, neighbors: Neighbors, context: ClusteringContext
    ) -> Clustering:
        """Merge from single rows, starting with the given neighbors."""
        hierarchy = grow_hierarchy(
            features.numpy,
            self,
            progress=context.phase("merging", most_merges(len(features), self)),
            allocate=context.allocate,
            neighbors=neighbors,
        )
        labels = hierarchy.labels
        context.finish_stage("hierarchy")
        note = f"merged {len(features):,} rows into {labels.cluster_count:,} clusters"
        return Clustering(labels, notes=(*hierarchy.notes, note))
