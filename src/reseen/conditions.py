"""Conditions under which a setting has an effect, declared on the fields of pydantic models.

`steps: Annotated[int, When(stop="steps")]` has no effect with any other `stop`. Conditions that span several models,
such as sections of a recipe, are returned by a method `conditions` of the model that contains them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Above:
    """Requires a value greater than `number`."""

    number: float

    def accepts(self, setting: Any) -> bool:
        """Whether a setting satisfies the rule."""
        return bool(setting > self.number)

    def __str__(self) -> str:
        return f"above {self.number:g}"


@dataclass(frozen=True)
class AtLeast:
    """Requires a value of at least `number`."""

    number: float

    def accepts(self, setting: Any) -> bool:
        """Whether a setting satisfies the rule."""
        return bool(setting >= self.number)

    def __str__(self) -> str:
        return f"to {self.number:g} or more"


@dataclass(frozen=True)
class Below:
    """Requires a value less than `number`."""

    number: float

    def accepts(self, setting: Any) -> bool:
        """Whether a setting satisfies the rule."""
        return bool(setting < self.number)

    def __str__(self) -> str:
        return f"below {self.number:g}"


@dataclass(frozen=True)
class Not:
    """Requires any value other than `value`."""

    value: Any

    def accepts(self, setting: Any) -> bool:
        """Whether a setting satisfies the rule."""
        return bool(setting != self.value)

    def __str__(self) -> str:
        return f"to something other than {shown(self.value)}"


_RULES = (Above, AtLeast, Below, Not)


class When:
    """Annotation for a field that only has an effect when other fields of its model have the required values.

    A requirement is a value, a tuple of allowed values, or one of the rules `Above`, `AtLeast`, `Below` and `Not`.
    Fields of nested models are given as a mapping from dotted path to requirement.

    Example:
        >>> steps: Annotated[int, When(stop="steps")] = 100
        >>> alpha: Annotated[float, When({"warp.rotation": Above(0)})] = 0.5
    """

    def __init__(self, nested: Mapping[str, Any] | None = None, **required: Any) -> None:
        self._required = {**(nested or {}), **required}

    def unmet(self, model: BaseModel, prefix: str) -> str | None:
        """The reason why the field has no effect in `model`; None if it has one. `prefix` is the model's own path."""
        for path, requirement in self._required.items():
            setting = value_at(model, path)
            if not _accepts(requirement, setting):
                return _reason(f"{prefix}{path}", setting, requirement)
        return None


@runtime_checkable
class HasConditions(Protocol):
    """A model with conditions beyond those of its own fields."""

    def conditions(self) -> Mapping[str, When]:
        """Conditions by the dotted path of the setting, relative to the model."""
        ...


def inactive(model: BaseModel, prefix: str = "") -> dict[str, str]:
    """Dotted paths of the settings that have no effect, each with the reason, which names the deciding setting.

    The path of a nested model covers all settings below it.
    """
    reasons_by_path: dict[str, str] = {}
    for name, field in type(model).model_fields.items():
        path, value = f"{prefix}{name}", getattr(model, name)
        reasons = [mark.unmet(model, prefix) for mark in field.metadata if isinstance(mark, When)]
        reason = next((reason for reason in reasons if reason is not None), None)
        if reason is not None:
            reasons_by_path[path] = reason
        elif isinstance(value, BaseModel):
            reasons_by_path |= inactive(value, f"{path}.")
    if isinstance(model, HasConditions):
        for path, when in model.conditions().items():
            reason = when.unmet(model, prefix)
            if reason is not None:
                reasons_by_path.setdefault(f"{prefix}{path}", reason)
    return reasons_by_path


def changed(model: BaseModel, below: str) -> list[str]:
    """Paths of the settings at or below a path that differ from their defaults."""
    flat = _flat(model, type(model)())
    return [path for path, differs in flat.items() if differs and lies_below(path, below)]


def with_defaults(model: Model, path: str) -> Model:
    """A copy of the model with the setting at `path`, or all settings below it, reset to the default."""
    return _reset(model, type(model)(), path.split("."))


def value_at(model: Any, path: str) -> Any:
    """The value of a setting, given its dotted path."""
    for name in path.split("."):
        model = getattr(model, name)
    return model


def lies_below(path: str, above: str) -> bool:
    """Whether `path` equals the dotted path `above` or lies below it."""
    return path == above or path.startswith(f"{above}.")


def shown(value: Any) -> str:
    """A value as it is written in a recipe; `set` for values that are not scalars."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return str(value) if isinstance(value, int | float | str) else "set"


def _accepts(requirement: Any, setting: Any) -> bool:
    if isinstance(requirement, _RULES):
        return requirement.accepts(setting)
    return setting in requirement if isinstance(requirement, tuple) else setting == requirement


def _reason(path: str, setting: Any, requirement: Any) -> str:
    if isinstance(requirement, _RULES):
        change = f"set {path} {requirement}"
    else:
        allowed = requirement if isinstance(requirement, tuple) else (requirement,)
        change = f"set {path} to {' or '.join(map(shown, allowed))}"
    return f"has no effect where {path} is {shown(setting)}; leave it out, or {change}"


def _reference(value: BaseModel, default: Any) -> BaseModel:
    """The model that a nested model is compared with: the default if it has the same type, else a new one."""
    return default if type(default) is type(value) else type(value)()


def _flat(model: BaseModel, reference: BaseModel, prefix: str = "") -> dict[str, bool]:
    """Whether each setting differs from its default, by path; so does a model whose default is None."""
    differs: dict[str, bool] = {}
    for name in type(model).model_fields:
        path, value, default = f"{prefix}{name}", getattr(model, name), getattr(reference, name)
        if isinstance(value, BaseModel):
            if default is None:
                differs[path] = True
            differs |= _flat(value, _reference(value, default), f"{path}.")
        else:
            differs[path] = value != default
    return differs


def _reset(model: Model, reference: BaseModel, path: list[str]) -> Model:
    name, *remaining = path
    value, default = getattr(model, name), getattr(reference, name)
    if remaining:
        assert isinstance(value, BaseModel)  # only models have settings below them
        default = _reset(value, _reference(value, default), remaining)
    return model.model_copy(update={name: default})
