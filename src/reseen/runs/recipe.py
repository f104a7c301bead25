"""A recipe: all settings of a run in one model, read from YAML and flags.

A recipe file can only name files in or below its own folder, so that a recipe from somebody else cannot read others.
"""

import os
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SerializeAsAny

from reseen.conditions import Above, When, changed, inactive, with_defaults
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
"""Settings that are a file or folder, and their values that are keywords instead of paths."""


def resolve_paths(
    values: Mapping[str, Any], file: Path, flags: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Make the paths in a recipe file absolute; relative paths start from the file's folder.

    Args:
        values: the settings in the file, by section.
        file: the recipe file.
        flags: settings that override those of the file; their paths are not resolved.

    Raises:
        SettingsError: a path is outside of the file's folder, because it is absolute, or by `..` or a link.
    """
    resolved = dict(values)
    folder = file.parent.resolve()
    for setting, keywords in PATHS.items():
        section, name = setting.split(".")
        given = resolved.get(section)
        value = given.get(name) if isinstance(given, Mapping) else None
        overrides = (flags or {}).get(section)
        if value is None or value in keywords or (isinstance(overrides, Mapping) and name in overrides):
            continue
        if not _lies_within(folder, str(value)):
            raise SettingsError(
                f"{file.name}: {setting}: {value} is outside of the recipe's folder {folder}; to allow it, give "
                f"--{setting} {value}, or --trust-recipe-paths"
            )
        resolved[section] = {**dict(given or {}), name: os.path.normpath(folder / str(value))}
    return resolved


def _lies_within(folder: Path, value: str) -> bool:
    if value.startswith("~") or Path(value).is_absolute() or ".." in Path(value).parts:
        return False
    try:
        return (folder / value).resolve().is_relative_to(folder)
    except (OSError, ValueError, RuntimeError):  # a link to itself, a null byte in the name
        return False


class Recipe(Settings):
    """All settings of a run; together with the data they determine its result.

    Example:
        >>> Recipe.parse({"method": {"name": "sphere"}, "train": {"rounds": 20}}, "example")
    """

    method: SerializeAsAny[MethodSettings] = ClusterContrastSettings()
    """The method and its settings; `name` selects it."""

    model: ModelSettings = ModelSettings()
    """The encoder."""

    augmentation: AugmentationSettings = AugmentationSettings()
    """Augmentation of training crops."""

    data: DataSettings = DataSettings()
    """How crops are read."""

    train: TrainSettings = TrainSettings()
    """The training loop, the optimizer and the device."""

    cameras: bool = True
    """Use camera labels if the data has them. False removes them when the data is read: no clustering, sampler or loss
    uses them."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of all random numbers."""

    def conditions(self) -> Mapping[str, When]:
        """Conditions that depend on several sections."""
        two_views = tuple(
            name for name, entry in METHODS.items() if entry.settings.model_validate({}).second_view()
        )
        warped = {"augmentation.warp": When({"method.name": two_views})}
        kept = {"train.kept_views": When({"model.frozen_stages": Above(0), "data.cache_gigabytes": Above(0)})}
        return {**warped, **kept, **self.method.recipe_conditions()}

    def check_effect(self, source: str) -> None:
        """Check that every setting that differs from its default has an effect.

        Args:
            source: where the settings come from, for the message: a file or `flags`.

        Raises:
            SettingsError: a setting has no effect; names `source`, the setting, and the setting that disables it.
        """
        for path, reason in inactive(self).items():
            for setting in changed(self, path):
                raise SettingsError(f"{source}: {setting}: {reason}")

    def for_pool(self, crops: int) -> "Recipe":
        """The recipe for this number of crops: `train.passes` is replaced by `train.iterations`."""
        train = self.train.for_pool(crops, self.method.batch_size)
        return self if train is self.train else self.model_copy(update={"train": train})

    def effective(self) -> "Recipe":
        """The recipe with all settings that have no effect at their defaults, so that equal trainings compare equal."""
        recipe, before = self, None
        while recipe != before:  # repeated, because a setting without effect can disable others
            before = recipe
            for path in inactive(recipe):
                recipe = with_defaults(recipe, path)
        return recipe


def shipped_recipes() -> dict[str, Path]:
    """The built-in recipes: their files, by name."""
    folder = Path(str(resources.files("reseen") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def describe_recipes() -> dict[str, str]:
    """The descriptions of the built-in recipes, by name: the comment at the top of each file."""
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
    """Load a recipe, and apply flags.

    A flag without effect is an error, and so is a value in the file that differs from its default and has no effect.
    Settings of the file that lose their effect through a flag are reset to their defaults.

    Args:
        recipe: the name of a built-in recipe, or a YAML file.
        flags: settings as on the command line: `["--train.rounds", "3"]`.
        trust_paths: allow paths in the file outside of its folder; relative ones then start from the working folder, as
            in flags. Otherwise they start from the file's folder.
        of_run: the file is the recipe of a run to resume; settings without effect are allowed.

    Raises:
        SettingsError: there is no such recipe, a key or value is invalid, a setting has no effect, or a path is outside
            of the recipe's folder; names the file or flag.

    Example:
        >>> load_recipe("sphere", ["--train.rounds", "20"]).train.rounds
        20
    """
    path = _find(str(recipe))
    from_file, from_flags = read_yaml(path), parse_flags(flags)
    without_flags = Recipe.parse(
        from_file, path.name
    )  # first, so that an error names the file and not the flags
    if not trust_paths:
        from_file = resolve_paths(from_file, path, from_flags)
    try:
        values = override(Recipe, from_file, from_flags)
    except ValueError as error:
        raise SettingsError(f"flags: {error}") from None
    result = Recipe.parse(values, "flags" if flags else path.name)
    if of_run:
        return result
    check_effect(result, from_flags, "flags")
    without_flags.check_effect(path.name)
    return result.effective()


def as_recipe(recipe: Recipe | str | Path) -> Recipe:
    """Return a `Recipe` unchanged; load a name or a YAML file.

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
        raise SettingsError(f"no recipe file {path}; built-in recipes: {', '.join(shipped)}")
    raise SettingsError(
        f"no recipe '{recipe}'{suggestion(recipe, list(shipped))}; built-in recipes: {', '.join(shipped)}; "
        "or give the path of a .yaml file"
    )
