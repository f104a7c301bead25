"""Settings of `reseen cluster`: the defaults, those of a run's recipe, and flags."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import model_validator

from reseen.cluster import DbscanSettings
from reseen.cluster.hierarchy import HierarchySettings
from reseen.cluster.hierarchy.settings import ENDS
from reseen.conditions import When
from reseen.config import Settings, check_effect, merge, parse_flags
from reseen.errors import SettingsError
from reseen.neighbors import JaccardSettings
from reseen.neighbors.out_of_core import SearchSettings
from reseen.runs.recipe import Recipe

_MERGING_NEIGHBORS = 17
"""Neighbors of each row used for merging, the row itself included."""


class ClusterSettings(Settings):
    """Settings of clustering crops."""

    hierarchy: HierarchySettings = HierarchySettings(stop="auto")
    """The clustering."""


class VectorClusterSettings(Settings):
    """Settings of clustering vectors without crops."""

    algorithm: Literal["hierarchy", "dbscan"] = "hierarchy"
    """`hierarchy` merges bottom-up; `dbscan` works on Jaccard distances."""

    search: SearchSettings = SearchSettings()
    """How neighbors are found."""

    hierarchy: Annotated[HierarchySettings, When(algorithm="hierarchy")] = HierarchySettings(stop="auto")
    """The clustering by `hierarchy`."""

    jaccard: Annotated[JaccardSettings, When(algorithm="dbscan")] = JaccardSettings()
    """The distances of `dbscan`."""

    dbscan: Annotated[DbscanSettings, When(algorithm="dbscan")] = DbscanSettings()
    """The clustering by `dbscan`."""

    @property
    def neighbors(self) -> int:
        """Number of neighbors searched for each row, the row itself included."""
        return self.jaccard.columns if self.algorithm == "dbscan" else _MERGING_NEIGHBORS

    @model_validator(mode="after")
    def _fits_on_disk(self) -> "VectorClusterSettings":
        if "auto" in (self.jaccard.k1, self.jaccard.k2, self.dbscan.min_samples):
            raise ValueError(
                "jaccard.k1, jaccard.k2 and dbscan.min_samples: auto compares many clusterings in memory; give numbers "
                "for vectors on disk"
            )
        if self.algorithm == "hierarchy" and (
            not self.hierarchy.can_approximate or self.hierarchy.engine == "dense"
        ):
            raise ValueError(
                "vectors on disk can only be merged by costs that are inner products: not with linkage single or none, "
                "metric euclidean or jaccard, regularizer sse_union or ward, share null, or engine dense; change "
                "these, or give crops with --data"
            )
        return self


def vector_settings(flags: Sequence[str] = ()) -> VectorClusterSettings:
    """Settings of clustering vectors, from flags such as `--algorithm dbscan` or `--hierarchy.clusters 300`.

    Raises:
        SettingsError: a flag is not a setting, is invalid, or has no effect.
    """
    values = parse_flags(flags)
    settings = VectorClusterSettings.parse(values, "flags")
    check_effect(settings, values, "flags")
    return settings


def hierarchy_settings(recipe: Recipe | None = None, flags: Sequence[str] = ()) -> HierarchySettings:
    """Settings of clustering crops: the hierarchy of the recipe's method, if any, with `stop: auto`, then the flags.

    A number implies its stopping criterion: `--hierarchy.clusters 300` needs no `--hierarchy.stop`.

    Raises:
        SettingsError: a flag is not a setting, is invalid, or has no effect.
    """
    base = (recipe.method.hierarchical if recipe else None) or HierarchySettings()
    share = HierarchySettings().share if base.share is None else base.share
    values = _with_implied(parse_flags(flags))
    defaults = {name: value for name, value in base.model_dump().items() if name not in ENDS}
    settings = ClusterSettings.parse(
        merge({"hierarchy": defaults | {"stop": "auto", "share": share}}, values), "flags"
    )
    check_effect(settings, values, "flags")
    return settings.hierarchy


def _with_implied(values: dict[str, Any]) -> dict[str, Any]:
    """Values of flags with the settings that they imply."""
    hierarchy = values.get("hierarchy")
    if not isinstance(hierarchy, dict):
        return values
    try:
        return {**values, "hierarchy": HierarchySettings.implied(hierarchy)}
    except ValueError as error:
        raise SettingsError(f"flags: hierarchy: {error}") from None
