"""How crops are clustered when nobody trains: what a run did, a count that needs no labels, flags on top."""

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
"""A row itself and as many others as merging keeps of each."""


class ClusterSettings(Settings):
    """What the flags of `reseen cluster` set."""

    hierarchy: HierarchySettings = HierarchySettings(stop="auto")
    """The clustering."""


class VectorClusterSettings(Settings):
    """What the flags of `reseen cluster` set where vectors alone are clustered."""

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
        """How many neighbors of each row are looked for, itself included."""
        return self.jaccard.columns if self.algorithm == "dbscan" else _MERGING_NEIGHBORS

    @model_validator(mode="after")
    def _fits_on_disk(self) -> "VectorClusterSettings":
        if self.algorithm == "hierarchy" and (
            not self.hierarchy.can_approximate or self.hierarchy.engine == "dense"
        ):
            raise ValueError(
                "vectors on disk are merged by costs that are inner products: not linkage single or none, metric "
                "euclidean or jaccard, regularizers sse_union and ward, share null or engine dense; take others, or "
                "give crops with --data"
            )
        return self


def vector_settings(flags: Sequence[str] = ()) -> VectorClusterSettings:
    """Settings for vectors alone; flags (`--algorithm dbscan`, `--dbscan.eps 0.5`, `--hierarchy.clusters 300`) win.

    Raises:
        SettingsError: a flag that is no setting, does not fit, or would not be looked at.
    """
    given = parse_flags(flags)
    settings = VectorClusterSettings.parse(given, "flags")
    check_effect(settings, given, "flags")
    return settings


def hierarchy_settings(recipe: Recipe | None = None, flags: Sequence[str] = ()) -> HierarchySettings:
    """The recipe's hierarchy where its method has one, with `stop: auto`; flags (`--hierarchy.clusters`, ...) win.

    A number alone says when to stop: `--hierarchy.clusters 300` needs no `--hierarchy.stop`.

    Raises:
        SettingsError: a flag that is no setting, does not fit, or would not be looked at.
    """
    base = (recipe.method.hierarchical if recipe else None) or HierarchySettings()
    share = HierarchySettings().share if base.share is None else base.share
    given = _implied(parse_flags(flags))
    lent = {name: value for name, value in base.model_dump().items() if name not in ENDS}
    settings = ClusterSettings.parse(
        merge({"hierarchy": lent | {"stop": "auto", "share": share}}, given), "flags"
    )
    check_effect(settings, given, "flags")
    return settings.hierarchy


def _implied(given: dict[str, Any]) -> dict[str, Any]:
    """Flags with what they imply, before they win over what a run lends."""
    hierarchy = given.get("hierarchy")
    if not isinstance(hierarchy, dict):
        return given
    try:
        return {**given, "hierarchy": HierarchySettings.implied(hierarchy)}
    except ValueError as error:
        raise SettingsError(f"flags: hierarchy: {error}") from None
