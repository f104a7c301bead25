"""Settings of `reseen cluster`: the defaults, those of a run's recipe, and flags."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import model_validator

from reseen.cluster.clusterings import (
    CLUSTERINGS,
    AbstractClustering,
    AnyClustering,
    HierarchicalClustering,
)
from reseen.config import Settings, check_effect, override, parse_flags, suggestion
from reseen.errors import SettingsError
from reseen.neighbors.out_of_core import SearchSettings
from reseen.runs.recipe import Recipe

Model = TypeVar("Model", bound="ClusterSettings")


class ClusterSettings(Settings):
    """Settings of clustering crops."""

    clustering: AnyClustering = HierarchicalClustering(stop="auto")
    """The clustering; `name` selects it."""


class VectorClusterSettings(ClusterSettings):
    """Settings of clustering vectors without crops."""

    search: SearchSettings = SearchSettings()
    """How neighbors are found."""

    @model_validator(mode="after")
    def _fits_on_disk(self) -> "VectorClusterSettings":
        self.clustering.check_out_of_core()
        return self


def vector_settings(flags: Sequence[str] = (), method: str | None = None) -> VectorClusterSettings:
    """Settings of clustering vectors, from flags such as `--clustering.clusters 300`.

    `method` is the name of the clustering; `hierarchy` if None.

    Raises:
        SettingsError: a flag is not a setting, is invalid, or has no effect; there is no such clustering.
    """
    return _settings(VectorClusterSettings, {}, flags, method)


def cluster_settings(
    recipe: Recipe | None = None, flags: Sequence[str] = (), method: str | None = None
) -> AbstractClustering:
    """Settings of clustering crops: those of the recipe's clustering, if it is the same, then the flags.

    `method` is the name of the clustering; `hierarchy` if None, with the number of clusters chosen without labels. A
    number implies its stopping criterion: `--clustering.clusters 300` needs no `--clustering.stop`.

    Raises:
        SettingsError: a flag is not a setting, is invalid, or has no effect; there is no such clustering.
    """
    own = recipe.method.round_clustering if recipe else None
    below = {} if own is None else {"clustering": own.for_once().model_dump()}
    return _settings(ClusterSettings, below, flags, method).clustering


def _settings(
    model: type[Model], below: Mapping[str, Any], flags: Sequence[str], method: str | None
) -> Model:
    given = parse_flags(flags)
    if method is not None:
        _check_method(method, given)
    name = method or _given_name(given) or HierarchicalClustering().name
    clustering = below.get("clustering", {})
    if clustering.get("name") != name:
        below = {"clustering": {"name": name}}
    try:
        settings = model.parse(override(model, below, given), "flags")
    except ValueError as error:
        raise SettingsError(f"flags: {error}") from None
    check_effect(settings, given, "flags")
    return settings


def _check_method(method: str, given: Mapping[str, Any]) -> None:
    if CLUSTERINGS.find(method) is None:
        known = list(CLUSTERINGS)
        raise SettingsError(
            f"--method: no clustering '{method}'{suggestion(method, known)}; the clusterings are {', '.join(known)}"
        )
    if _given_name(given) not in (None, method):
        raise SettingsError(f"--method {method} and --clustering.name {_given_name(given)}: leave one out")


def _given_name(given: Mapping[str, Any]) -> str | None:
    clustering = given.get("clustering")
    name = clustering.get("name") if isinstance(clustering, Mapping) else None
    return None if name is None else str(name)
