"""A recipe: every setting of a run in one model, read from YAML and flags.

Which files a recipe file may name: those beside and below it, so that a stranger's recipe reads nothing else.
"""

import os
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SerializeAsAny

from reseen.conditions import When, changed, inactive, with_defaults
from reseen.config import Settings, check_effect, override, parse_flags, read_yaml, suggestion
from reseen.data.settings import DataSettings
from reseen.data.views import AugmentationSettings
from reseen.errors import SettingsError
from reseen.methods import METHODS, MethodSettings
from reseen.methods.cluster_contrast import ClusterContrastSettings
from reseen.models import ModelSettings
from reseen.runs.train_settings import TrainSettings

PATHS: dict[str, tuple[str, ...]] = {
    "model.weights": ("hub", "none"),
    "model.start": (),
    "data.cache_dir": (),
    "data.labels": (),
    "data.constraints": (),
}
"""Settings that name a file or folder, and the words there that do not."""


def resolve_paths(
    values: Mapping[str, Any], file: Path, flags: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The settings in a recipe `file` with its relative paths made absolute: they start from the file's folder.

    A path that a flag sets too is passed over, since the flag wins.

    Raises:
        SettingsError: a path leads out of the file's folder, by itself, by `..` or by a link.
    """
    resolved = dict(values)
    folder = file.parent.resolve()
    for setting, words in PATHS.items():
        section, name = setting.split(".")
        given = resolved.get(section)
        value = given.get(name) if isinstance(given, Mapping) else None
        overruled = (flags or {}).get(section)
        if value is None or value in words or (isinstance(overruled, Mapping) and name in overruled):
            continue
        if not _lies_within(folder, str(value)):
            raise SettingsError(
                f"{file.name}: {setting}: {value} lies outside of the recipe's folder {folder}, and a recipe names "
                f"files beside and below itself; if you want it, say so: --{setting} {value}, or --trust-recipe-paths"
            )
        resolved[section] = {**dict(given or {}), name: os.path.normpath(folder / str(value))}
    return resolved


def _lies_within(folder: Path, value: str) -> bool:
    if value.startswith("~") or Path(value).is_absolute() or ".." in Path(value).parts:
        return False
    try:
        return (folder / value).resolve().is_relative_to(folder)
    except (OSError, ValueError, RuntimeError):  # a link to itself, a zero in the name
        return False


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

    def conditions(self) -> Mapping[str, When]:
        """Of settings that depend on several sections."""
        several = tuple(
            name for name, entry in METHODS.items() if entry.settings.model_validate({}).second_view()
        )
        warped = {"augmentation.warp": When({"method.name": several})}
        return {**warped, **self.method.recipe_conditions()}

    def check_effect(self, source: str) -> None:
        """Whether every setting that differs from its default has an effect.

        Raises:
            SettingsError: one has none; names `source`, the setting and the one that decides.
        """
        for path, reason in inactive(self).items():
            for setting in changed(self, path):
                raise SettingsError(f"{source}: {setting}: {reason}")

    def for_pool(self, crops: int) -> "Recipe":
        """The recipe for a pool of so many crops, with the number of batches that follows from it."""
        train = self.train.for_pool(crops, self.method.batch_size)
        return self if train is self.train else self.model_copy(update={"train": train})

    def effective(self) -> "Recipe":
        """The same with every setting that has no effect at its default: recipes that train alike are equal."""
        recipe, before = self, None
        while recipe != before:  # what a setting without effect decides has none, either
            before = recipe
            for path in inactive(recipe):
                recipe = with_defaults(recipe, path)
        return recipe


def shipped_recipes() -> dict[str, Path]:
    """The recipes that come with the package, by name."""
    folder = Path(str(resources.files("reseen") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def describe_recipes() -> dict[str, str]:
    """The comment at the top of each recipe that comes with the package, by the recipe's name."""
    comments = {
        name: [line.removeprefix("#").strip() for line in path.read_text().splitlines() if line[:1] == "#"]
        for name, path in shipped_recipes().items()
    }
    return {name: " ".join(lines) for name, lines in comments.items()}


def load_recipe(
    recipe: str | Path = "cluster-contrast",
    flags: Sequence[str] = (),
    *,
    trust_paths: bool = False,
    of_run: bool = False,
) -> Recipe:
    """A shipped recipe by name, or a YAML file, with flags (`--train.rounds`, `3`, ...) on top.

    A setting without effect is refused, in a file where it differs from its default. What a flag takes the effect from,
    as a regularizer from its weight, is left out.

    Paths in a file start from its folder and may not leave it; with `trust_paths` they are taken as if they were
    flags, which may name any place and start from the working folder. `of_run`: the recipe is that of a run to be gone
    on with, which is taken as it is.

    Raises:
        SettingsError: no such recipe, a key or value that does not fit, a setting without effect, or a path that
            leaves the recipe's folder; names the file or flag.
    """
    path = _find(str(recipe))
    from_file, from_flags = read_yaml(path), parse_flags(flags)
    alone = Recipe.parse(
        from_file, path.name
    )  # a fault of the file is reported as the file's, not the flags'
    if not trust_paths:
        from_file = resolve_paths(from_file, path, from_flags)
    try:
        values = override(Recipe, from_file, from_flags)
    except ValueError as error:
        raise SettingsError(f"flags: {error}") from None
    whole = Recipe.parse(values, "flags" if flags else path.name)
    if of_run:
        return whole
    check_effect(whole, from_flags, "flags")
    alone.check_effect(path.name)
    return whole.effective()


def as_recipe(recipe: Recipe | str | Path) -> Recipe:
    """A recipe as it is, or that of a name or a YAML file.

    Raises:
        SettingsError: as in `load_recipe`.
    """
    return recipe if isinstance(recipe, Recipe) else load_recipe(recipe)


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
