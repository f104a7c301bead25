"""How crops are clustered when nobody trains: what a run did, a count that needs no labels, flags on top."""

from collections.abc import Sequence

from reseen.cluster.hierarchy import HierarchySettings
from reseen.config import Settings, merge, parse_flags
from reseen.engine.recipe import Recipe
from reseen.errors import SettingsError

_ENDS = ("steps", "clusters", "distance")


class ClusterSettings(Settings):
    """What the flags of `reseen cluster` set."""

    hierarchy: HierarchySettings = HierarchySettings(stop="auto")
    """The clustering."""


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
