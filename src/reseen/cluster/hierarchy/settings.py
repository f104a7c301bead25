"""Settings of hierarchical clustering."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from reseen.conditions import Above, Not, When
from reseen.config import Settings
from reseen.neighbors import JaccardSettings

ENDS = ("steps", "clusters", "distance")
"""Settings of stopping criteria; each applies if `stop` has its name."""

EXACT_UP_TO = 100_000
"""Largest number of initial clusters for which engine `auto` is exact: about two minutes on two cores at 256
dimensions."""


class HierarchySettings(Settings):
    """Agglomerative clustering; the cost of a merge is the linkage distance plus `weight` times the regularizer."""

    feature: Literal["sphere", "raw"] = "sphere"
    """`sphere`: normalized vectors; `raw`: vectors as they are."""

    linkage: Literal["average", "single", "centroid", "energy", "none"] = "average"
    """Distance of two clusters. `average`: mean over pairs of members; `single`: nearest members; `centroid`: between
    means; `energy`: twice the mean distance between minus the mean distances within; `none`: regularizer only."""

    metric: Annotated[Literal["sqeuclidean", "euclidean", "cosine", "jaccard"], When(linkage=Not("none"))] = (
        "sqeuclidean"
    )
    """Distance of two members, or of two means; `jaccard`: k-reciprocal Jaccard distance of members, for average and
    single linkage."""

    jaccard: Annotated[JaccardSettings, When(metric="jaccard")] = JaccardSettings()
    """Neighbor sets for metric `jaccard`."""

    regularizer: Literal["none", "size", "dispersion", "sse", "sse_union", "ward"] = "sse"
    """Added to the linkage distance of A and B. `size`: |A| + |B|; `dispersion`: mean squared distance over all
    pairs within A plus that within B; `sse`: sums of squares around the means, SSE(A) + SSE(B); `sse_union`:
    SSE of the union; `ward`: increase of the SSE by the merge."""

    weight: Annotated[float, Field(ge=0), When(regularizer=Not("none"))] = 0.005
    """Weight of the regularizer."""

    merge: Annotated[Literal["chain", "absorb", "match"], When(share=Not(None))] = "absorb"
    """Which pairs merge in a step, cheapest first. `chain`: all whose clusters are not yet joined; `absorb`: if neither
    has been absorbed in this step; `match`: if neither has merged in this step."""

    share: Annotated[float, Field(gt=0, le=1)] | None = 0.07
    """Merges per step as a fraction of the images; null: one pair per step."""

    stop: Literal["steps", "clusters", "distance", "auto"] = "steps"
    """Stopping criterion; implied if only one of `steps`, `clusters` and `distance` is set. `auto`: the number of
    clusters that is most stable under random halves of the dimensions; `share` is then a fraction of the remaining
    clusters."""

    steps: Annotated[int, Field(ge=0), When(stop="steps")] = 13
    """Number of steps, for stop `steps`."""

    clusters: Annotated[int, Field(ge=1), When(stop="clusters")] = 1
    """Final number of clusters, for stop `clusters`."""

    distance: Annotated[float, Field(ge=0), When(stop="distance")] = 0.5
    """Largest merge cost, for stop `distance`."""

    engine: Literal["auto", "search", "dense", "approximate"] = "auto"
    """`search` needs no n x n matrix and gives the same labels as `dense`, which does; `approximate` searches partners
    in a few lists of an index. `auto` uses `dense` only for linkages that need all pairs, average and energy of
    Euclidean distances, and `approximate` only above 100,000 clusters, where it is possible."""

    @classmethod
    def implied(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Set `stop` to the one of `steps`, `clusters` and `distance` that is given, unless `stop` is.

        Raises:
            ValueError: several of them are given without `stop`.
        """
        ends = [name for name in ENDS if name in given]
        if "stop" in given or not ends:
            return given
        if len(ends) > 1:
            raise ValueError(
                f"{ends[0]} and {ends[1]} are both stopping criteria; remove one, or select one with stop"
            )
        return {**given, "stop": ends[0]}

    def conditions(self) -> Mapping[str, When]:
        """A regularizer only has an effect if its weight is above 0."""
        return {} if self.regularizer == "none" else {"regularizer": When(weight=Above(0))}

    @model_validator(mode="after")
    def _fits_together(self) -> "HierarchySettings":
        if self.metric == "cosine" and self.feature == "raw":
            raise ValueError("metric cosine needs feature sphere; use feature sphere, or another metric")
        if self.metric == "jaccard" and (self.feature == "raw" or self.linkage not in ("average", "single")):
            raise ValueError("metric jaccard needs feature sphere, and linkage average or single")
        if self.linkage == "none" and self.regularizer not in ("sse_union", "ward"):
            raise ValueError(
                "linkage none needs the regularizer sse_union or ward, since others do not compare the clusters"
            )
        if self.stop == "auto" and self.share is None:
            raise ValueError("stop auto compares the clusters of many steps; set share, such as 0.07")
        if self.engine == "search" and self.needs_all_pairs:
            raise ValueError(
                f"{self.linkage} linkage of Euclidean distances needs all pairs; use engine dense, or metric "
                "sqeuclidean"
            )
        if self.engine == "approximate" and not self.can_approximate:
            raise ValueError(
                "engine approximate needs a share, and costs that are inner products: not linkage single or none, "
                "metric euclidean or jaccard, or regularizer sse_union or ward; use engine search"
            )
        return self

    def approximates(self, rows: int) -> bool:
        """Whether clustering with this number of initial clusters uses an approximate search."""
        large = self.engine == "auto" and rows > EXACT_UP_TO
        return rows > 1 and self.can_approximate and (large or self.engine == "approximate")

    @property
    def can_approximate(self) -> bool:
        """Whether an approximate search is possible: costs are inner products, and steps merge many pairs."""
        products = self.linkage not in ("single", "none") and self.metric not in ("euclidean", "jaccard")
        return products and self.regularizer not in ("sse_union", "ward") and self.share is not None

    @property
    def needs_all_pairs(self) -> bool:
        """Whether the linkage cannot be computed from counts, sums and nearest rows."""
        return self.metric == "euclidean" and self.linkage in ("average", "energy")
