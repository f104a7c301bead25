"""A recipe: every setting of a run in one model, read from YAML and flags."""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SerializeAsAny, field_validator

from reseen.config import Settings, merge, parse_flags, read_yaml, suggestion
from reseen.data.settings import DataSettings
from reseen.data.views import AugmentationSettings
from reseen.engine.recipe_paths import resolve_paths
from reseen.engine.settings import TrainSettings
from reseen.errors import SettingsError
from reseen.methods import METHODS, MethodSettings
from reseen.methods.cluster_contrast import ClusterContrastSettings
from reseen.models import ModelSettings


class Recipe(Settings):
    """Everything that decides a run, beside the data itself."""

    method: SerializeAsAny[MethodSettings] = ClusterContrastSettings()
    """The method and its settings; `name` selects it."""

    model: ModelSettings = ModelSettings()
    """The encoder."""

    augmentation: AugmentationSettings = AugmentationSettings()
    """What training crops go through."""

    data: DataSettings = DataSettings()
    """How crops are read."""

    train: TrainSettings = TrainSettings()
    """The schedule."""

    cameras: bool = True
    """Use camera names where the data has them. False removes them before anything sees them: sampler, distance
    and loss alike."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Start of all random numbers."""

    @field_validator("method", mode="before")
    @classmethod
    def _choose_method(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        name = value.get("name", "cluster-contrast")
        if name not in METHODS:
            known = list(METHODS)
            raise ValueError(
                f"no method '{name}'{suggestion(str(name), known)}; the methods are {', '.join(known)}"
            )
        return METHODS[name].settings.parse(value, "method")


def shipped_recipes() -> dict[str, Path]:
    """The recipes that come with the package, by name."""
    folder = Path(str(resources.files("reseen") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_recipe(
    recipe: str | Path = "cluster-contrast", flags: Sequence[str] = (), *, trust_paths: bool = False
) -> Recipe:
    """A shipped recipe by name, or a YAML file, with flags (`--train.rounds`, `3`, ...) on top.

    Paths in a file start from its folder and may not leave it; with `trust_paths` they are taken as if they were
    flags, which may name any place and start from the working folder.

    Raises:
        SettingsError: no such recipe, a key or value that does not fit, or a path that leaves the recipe's folder;
            names the file or flag.
    """
    path = _find(str(recipe))
    from_file, from_flags = read_yaml(path), parse_flags(flags)
    Recipe.parse(from_file, path.name)  # a fault of the file is reported as the file's, not the flags'
    if not trust_paths:
        from_file = resolve_paths(from_file, path, from_flags)
    return Recipe.parse(merge(from_file, from_flags), "flags" if flags else path.name)


def _find(recipe: str) -> Path:
    shipped = shipped_recipes()
    if recipe in shipped:
        return shipped[recipe]
    path = Path(recipe).expanduser()
    if path.suffix in {".yaml", ".yml"} or path.is_file():
        if path.is_file():
            return path
        raise SettingsError(f"no recipe file {path}; shipped recipes: {', '.join(shipped)}")
    raise SettingsError(
        f"no recipe '{recipe}'{suggestion(recipe, list(shipped))}; shipped recipes: {', '.join(shipped)}; "
        "or give the path of a .yaml file"
    )
