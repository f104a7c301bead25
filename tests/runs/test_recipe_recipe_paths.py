"""A recipe file names files beside and below itself; other paths are said by a person."""

from pathlib import Path
from types import UnionType
from typing import Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from reseen.errors import SettingsError
from reseen.methods import METHODS
from reseen.runs.recipe import PATHS, Recipe, load_recipe


@pytest.fixture
def desk(tmp_path):
    """A folder with a recipe folder in it and a secret beside it."""
    (tmp_path / "secret.csv").write_text("path,label\n")
    (tmp_path / "recipes").mkdir()
    return tmp_path


def written(desk, setting, value):
    section, name = setting.split(".")
    file = desk / "recipes" / "mine.yaml"
    file.write_text(f'{section}: {{{name}: "{value}"}}\n')
    return file


def value_of(recipe, setting):
    section, name = setting.split(".")
    return str(getattr(getattr(recipe, section), name))


@pytest.mark.parametrize("setting", sorted(PATHS))
def test_a_path_starts_from_the_recipe_and_may_not_leave_its_folder(desk, setting, monkeypatch):
    monkeypatch.chdir(desk)
    assert value_of(load_recipe(written(desk, setting, "below/it")), setting) == str(
        desk / "recipes/below/it"
    )
    (desk / "recipes" / "link").symlink_to(desk / "secret.csv")
    (desk / "recipes" / "round").symlink_to(desk / "recipes" / "round")
    outside = ("../secret.csv", str(desk / "secret.csv"), "~/secret.csv", "link", "below/../../secret.csv")
    for value in (*outside, "below/..", "x\\0y"):
        with pytest.raises(
            SettingsError, match=f"mine.yaml: {setting}: .* outside of the recipe's folder"
        ) as error:
            load_recipe(written(desk, setting, value))
        if "\\" not in value:
            assert f"--{setting} {value}, or --trust-recipe-paths" in str(error.value)


@pytest.mark.parametrize("setting", sorted(PATHS))
def test_what_a_person_says_may_lie_anywhere(desk, setting):
    file = written(desk, setting, "/elsewhere")
    assert value_of(load_recipe(file, [f"--{setting}", "/typed"]), setting) == "/typed"
    assert value_of(load_recipe(file, trust_paths=True), setting) == "/elsewhere"
    assert value_of(load_recipe("cluster-contrast", [f"--{setting}", "../typed"]), setting) == "../typed"


def test_words_that_are_no_paths():
    for word in ("hub", "none"):
        assert load_recipe("cluster-contrast", ["--model.weights", word]).model.weights == word


def models(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models(part)]


def paths_below(model, prefix=""):
    for name, field in model.model_fields.items():
        union = get_origin(field.annotation) in (Union, UnionType)
        kinds = get_args(field.annotation) if union else (field.annotation,)
        if Path in kinds:
            yield prefix + name
        for below in models(field.annotation):
            yield from paths_below(below, f"{prefix}{name}.")


def test_every_setting_that_is_a_path_is_held_to_the_rule():
    found = set(paths_below(Recipe))
    for entry in METHODS.values():
        found |= set(paths_below(entry.settings, "method."))
    assert found == {"data.cache_dir", "data.labels", "data.constraints"}
    assert found <= set(PATHS)
