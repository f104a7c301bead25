"""Another valid value of every setting of a recipe."""

from collections.abc import Iterator
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from reseen.conditions import value_at
from reseen.errors import SettingsError
from reseen.runs.recipe import Recipe

GIVEN = {"model.backbone": "resnet18", "method.name": None, "method.clustering.name": None}
"""Settings whose type says nothing of what they may be; None for what decides which settings there are."""


def leaves(model: BaseModel, prefix: str = "") -> list[str]:
    """Dotted paths of all settings that are values and no models; a model that stands for none counts."""
    found: list[str] = []
    for name in type(model).model_fields:
        value = getattr(model, name)
        found += leaves(value, f"{prefix}{name}.") if isinstance(value, BaseModel) else [f"{prefix}{name}"]
    return found


def with_value(recipe: Recipe, path: str, value: Any) -> Recipe:
    """The recipe with another value, validated; raises a ValidationError or SettingsError where it does not fit."""
    values = recipe.model_dump()
    place = values
    *parts, name = path.split(".")
    for part in parts:
        place = place[part]
    place[name] = value
    return Recipe.model_validate(values)


def other_values(recipe: Recipe, path: str) -> list[Any]:
    """Values that differ from the recipe's and fit: those of a choice, or numbers near by."""
    now = value_at(recipe, path)
    fitting = []
    for value in _candidates(recipe, path, now):
        if value == now and type(value) is type(now):
            continue
        try:
            changed = with_value(recipe, path, value)
        except (ValidationError, SettingsError):
            continue
        if value_at(changed, path) != now:
            fitting.append(value)
    return fitting


def _candidates(recipe: Recipe, path: str, now: Any) -> Iterator[Any]:
    if path in GIVEN:
        yield from [GIVEN[path]] if GIVEN[path] is not None else []
        return
    parent, _, name = path.rpartition(".")
    model = value_at(recipe, parent) if parent else recipe
    annotation = type(model).model_fields[name].annotation
    kinds = list(_kinds(annotation))
    for kind in kinds:
        if isinstance(kind, tuple):
            yield from kind
    if isinstance(now, bool) or bool in kinds:
        yield not now
    if int in kinds or float in kinds:
        for number in (now if isinstance(now, int | float) else 0, 3):
            yield from (
                (number + 1, number - 1) if int in kinds else (number / 2, number / 2 + 0.05, number + 1)
            )
    if str in kinds:
        yield "other"
    if any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds):
        yield {}
    if not isinstance(now, int | float | str) and any("Path" in str(kind) for kind in kinds):
        yield "other/place"


def _kinds(annotation: Any) -> Iterator[Any]:
    """Plain types of an annotation, and the values of its choices as a tuple."""
    if get_origin(annotation) is Literal:
        yield get_args(annotation)
    elif isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    else:
        for part in get_args(annotation):
            if part is not NoneType:
                yield from _kinds(part)
