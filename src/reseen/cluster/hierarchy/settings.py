"""Settings of hierarchical clustering."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from reseen.conditions import Above, Not, When
from reseen.config import Settings
from reseen.neighbors import JaccardSettings

ENDS = ("steps", "clusters", "distance")
"""Settings that say when merging ends, each where `stop` has its name."""

EXACT_UP_TO = 100_000
"""Clusters at the start up to which engine auto is exact: about two minutes on two cores at 256 dimensions."""


class HierarchySettings(Settings):
    """Bottom-up merging. Cost of a pair of clusters: linkage distance plus `weight` times the regularizer."""

    feature: Literal["sphere", "raw"] = "sphere"
    """`sphere`: directions alone; `raw`: vectors as they are."""

    linkage: Literal["average", "single", "centroid", "energy", "none"] = "average"
    """Distance of two clusters: mean over pairs of members, nearest members, between means, or twice the mean
    between less the means within; `none`: the regularizer alone."""

    metric: Annotated[Literal["sqeuclidean", "euclidean", "cosine", "jaccard"], When(linkage=Not("none"))] = (
        "sqeuclidean"
    )
    """Distance of two members, or of two means; `jaccard`: by the neighbors that two members share, for average and
    single linkage."""

    jaccard: Annotated[JaccardSettings, When(metric="jaccard")] = JaccardSettings()
    """Which neighbors count, where the metric is `jaccard`."""

    regularizer: Literal["none", "size", "dispersion", "sse", "sse_union", "ward"] = "sse"
    """Added to the linkage distance of A and B. `size`: |A| + |B|; `dispersion`: mean squared distance over all
    pairs within A plus that within B; `sse`: sums of squares around the means, SSE(A) + SSE(B); `sse_union`:
    SSE of A and B together; `ward`: what merging adds to the SSE."""

    weight: Annotated[float, Field(ge=0), When(regularizer=Not("none"))] = 0.005
    """Weight of the regularizer."""

    merge: Annotated[Literal["chain", "absorb", "match"], When(share=Not(None))] = "absorb"
    """Which pairs merge in a step, cheapest first. `chain`: all whose clusters are not yet joined; `absorb`: as
    long as neither has been absorbed in this step; `match`: as long as neither has merged in this step."""

    share: Annotated[float, Field(gt=0, le=1)] | None = 0.07
    """Merges per step as a share of the images; null: one pair per step."""

    stop: Literal["steps", "clusters", "distance", "auto"] = "steps"
    """When merging ends; `steps`, `clusters` or `distance` alone says it, too. `auto`: at the number of clusters that
    halves of the features agree on best; the share is then that of the clusters left in each step."""

    steps: Annotated[int, Field(ge=0), When(stop="steps")] = 13
    """Steps, where `stop` is `steps`."""

    clusters: Annotated[int, Field(ge=1), When(stop="clusters")] = 1
    """Clusters to end with, where `stop` is `clusters`."""

    distance: Annotated[float, Field(ge=0), When(stop="distance")] = 0.5
    """Largest cost that still merges, where `stop` is `distance`."""

    engine: Literal["auto", "search", "dense", "approximate"] = "auto"
    """`search` holds no n x n matrix and gives the labels of `dense`, which does; `approximate` looks for partners in
    the nearest parts of an index alone. `auto` takes `dense` only for the linkages that need all pairs, average and
    energy of plain Euclidean distances, and `approximate` only above 100,000 clusters, where it can."""

    @classmethod
    def implied(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """One of `steps`, `clusters` and `distance` says when to stop, where `stop` itself is not given.

        Raises:
            ValueError: several of them are given, and no `stop`.
        """
        ends = [name for name in ENDS if name in given]
        if "stop" in given or not ends:
            return given
        if len(ends) > 1:
            raise ValueError(
                f"{ends[0]} and {ends[1]} both say when to stop; leave one out, or say which counts with stop"
            )
        return {**given, "stop": ends[0]}

    def conditions(self) -> Mapping[str, When]:
        """A regularizer has an effect where its weight is above 0."""
        return {} if self.regularizer == "none" else {"regularizer": When(weight=Above(0))}

    @model_validator(mode="after")
    def _fits_together(self) -> "HierarchySettings":
        if self.metric == "cosine" and self.feature == "raw":
            raise ValueError("cosine looks at directions alone; take feature sphere, or another metric")
        if self.metric == "jaccard" and (self.feature == "raw" or self.linkage not in ("average", "single")):
            raise ValueError("shared neighbors take feature sphere, and linkage average or single")
        if self.linkage == "none" and self.regularizer not in ("sse_union", "ward"):
            raise ValueError("without a linkage only the regularizers sse_union and ward tell pairs apart")
        if self.stop == "auto" and self.share is None:
            raise ValueError("stop auto compares the clusters of many steps; give share, such as 0.07")
        if self.engine == "search" and self.needs_all_pairs:
            raise ValueError(
                f"{self.linkage} linkage of plain Euclidean distances needs all pairs; take engine dense, or "
                "metric sqeuclidean"
            )
        if self.engine == "approximate" and not self.can_approximate:
            raise ValueError(
                "engine approximate needs a share, and costs that are inner products: not linkage single or none, "
                "metric euclidean, or regularizers sse_union and ward; take engine search"
            )
        return self

    def approximates(self, clusters: int) -> bool:
        """Whether merging that starts from so many clusters searches an approximate index."""
        large = self.engine == "auto" and clusters > EXACT_UP_TO
        return clusters > 1 and self.can_approximate and (large or self.engine == "approximate")

    @property
    def can_approximate(self) -> bool:
        """Whether costs are inner products and steps merge many pairs, so that lists may be searched in part."""
        products = self.linkage not in ("single", "none") and self.metric not in ("euclidean", "jaccard")
        return products and self.regularizer not in ("sse_union", "ward") and self.share is not None

    @property
    def needs_all_pairs(self) -> bool:
        """Whether the linkage cannot be told from counts, sums and nearest rows."""
        return self.metric == "euclidean" and self.linkage in ("average", "energy")
