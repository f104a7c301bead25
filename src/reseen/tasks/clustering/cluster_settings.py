"""How crops are clustered when nobody trains: what a run did, a count that needs no labels, flags on top."""

from collections.abc import Sequence
from typing import Literal

from pydantic import model_validator

from reseen.cluster import DbscanSettings
from reseen.cluster.hierarchy import HierarchySettings
from reseen.config import Settings, merge, parse_flags
from reseen.errors import SettingsError
from reseen.neighbors import JaccardSettings
from reseen.neighbors.out_of_core import SearchSettings
from reseen.runs.recipe import Recipe

_MERGING_NEIGHBORS = 17
"""A row itself and as many others as merging keeps of each."""
_ENDS = ("steps", "clusters", "distance")


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

    hierarchy: HierarchySettings = HierarchySettings(stop="auto")
    """The clustering by `hierarchy`."""

    jaccard: JaccardSettings = JaccardSettings()
    """The distances of `dbscan`."""

    dbscan: DbscanSettings = DbscanSettings()
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
    if isinstance(given.get("hierarchy"), dict):
        _settle_stop(given["hierarchy"])
    settings = VectorClusterSettings.parse(merge(VectorClusterSettings().model_dump(), given), "flags")
    other = ("jaccard", "dbscan") if settings.algorithm == "hierarchy" else ("hierarchy",)
    for name in other:
        if name in given:
            raise SettingsError(
                f"--{name}.* is not looked at by the algorithm {settings.algorithm}; leave it out, or give --algorithm"
            )
    return settings


def hierarchy_settings(recipe: Recipe | None = None, flags: Sequence[str] = ()) -> HierarchySettings:
    """The recipe's hierarchy where its method has one, with `stop: auto`; flags (`--hierarchy.clusters`, ...) win.

    A number alone says when to stop: `--hierarchy.clusters 300` needs no `--hierarchy.stop`.

    Raises:
        SettingsError: a flag that is no setting, does not fit, or would not be looked at.
    """
    base: HierarchySettings | None = getattr(recipe.method, "hierarchy", None) if recipe else None
    base = base or HierarchySettings()
    share = HierarchySettings().share if base.share is None else base.share
    given = parse_flags(flags)
    if isinstance(given.get("hierarchy"), dict):
        _settle_stop(given["hierarchy"])
    start = {"hierarchy": base.model_dump() | {"stop": "auto", "share": share}}
    return ClusterSettings.parse(merge(start, given), "flags").hierarchy


def _settle_stop(given: dict[str, object]) -> None:
    ends = [name for name in _ENDS if name in given]
    if "stop" not in given and len(ends) == 1:
        given["stop"] = ends[0]
    if "stop" not in given and ends:
        raise SettingsError(
            f"--hierarchy.{ends[0]} and --hierarchy.{ends[1]} both say when to stop; leave one out, or say "
            "which with --hierarchy.stop"
        )
    unused = [name for name in ends if name != given.get("stop")]
    if unused and given["stop"] in (*_ENDS, "auto"):
        raise SettingsError(
            f"--hierarchy.{unused[0]} is not looked at where --hierarchy.stop is {given['stop']}; leave one out"
        )
