"""Which settings have an effect: a field may be declared to count only where other settings say so.

`steps: Annotated[int, When(stop="steps")]` has no effect under another `stop`. What is more than that, such as settings
that depend on another section of a recipe, is said by the method `conditions` of the model that holds them all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Above:
    """A number above this one is wanted."""

    number: float

    def holds(self, found: Any) -> bool:
        """Whether a value will do."""
        return bool(found > self.number)

    def __str__(self) -> str:
        return f"above {self.number:g}"


@dataclass(frozen=True)
class AtLeast:
    """This number or more is wanted."""

    number: float

    def holds(self, found: Any) -> bool:
        """Whether a value will do."""
        return bool(found >= self.number)

    def __str__(self) -> str:
        return f"to {self.number:g} or more"


@dataclass(frozen=True)
class Below:
    """A number below this one is wanted."""

    number: float

    def holds(self, found: Any) -> bool:
        """Whether a value will do."""
        return bool(found < self.number)

    def __str__(self) -> str:
        return f"below {self.number:g}"


@dataclass(frozen=True)
class Not:
    """Any value but this one is wanted."""

    value: Any

    def holds(self, found: Any) -> bool:
        """Whether a value will do."""
        return bool(found != self.value)

    def __str__(self) -> str:
        return f"to something else than {shown(self.value)}"


_RULES = (Above, AtLeast, Below, Not)


class When:
    """Annotation of a field that has an effect only where other fields of its model have the values wanted.

    Wanted is a value, any of the values in a tuple, or what `Above`, `AtLeast`, `Below` or `Not` says. Fields of
    models below are named by a mapping of dotted paths.
    """

    def __init__(self, below: Mapping[str, Any] | None = None, **wanted: Any) -> None:
        self._wanted = {**(below or {}), **wanted}

    def unmet(self, model: BaseModel, prefix: str) -> str | None:
        """Why the field has no effect in `model`, whose own path starts with `prefix`; None where it has one."""
        for path, wanted in self._wanted.items():
            found = value_at(model, path)
            if not _holds(found, wanted):
                return _reason(f"{prefix}{path}", found, wanted)
        return None


@runtime_checkable
class HasConditions(Protocol):
    """A model with conditions beside those of its fields."""

    def conditions(self) -> Mapping[str, When]:
        """When settings have an effect, by their path below the model."""
        ...


def inactive(model: BaseModel, prefix: str = "") -> dict[str, str]:
    """Settings of a model that have no effect, and why: a sentence that names the setting that decides.

    The paths are dotted; that of a model stands for everything below it.
    """
    found: dict[str, str] = {}
    for name, field in type(model).model_fields.items():
        path, value = f"{prefix}{name}", getattr(model, name)
        reasons = [mark.unmet(model, prefix) for mark in field.metadata if isinstance(mark, When)]
        reason = next((reason for reason in reasons if reason is not None), None)
        if reason is not None:
            found[path] = reason
        elif isinstance(value, BaseModel):
            found |= inactive(value, f"{path}.")
    if isinstance(model, HasConditions):
        for path, when in model.conditions().items():
            reason = when.unmet(model, prefix)
            if reason is not None:
                found.setdefault(f"{prefix}{path}", reason)
    return found


def changed(model: BaseModel, below: str) -> list[str]:
    """Paths of the settings at or below a path that differ from their defaults."""
    flat = _flat(model, type(model)())
    return [path for path, differs in flat.items() if differs and lies_below(path, below)]


def with_defaults(model: Model, path: str) -> Model:
    """The model with the setting at `path`, or everything below it, at its default."""
    return _reset(model, type(model)(), path.split("."))


def value_at(model: Any, path: str) -> Any:
    """The value of a setting by its dotted path."""
    for name in path.split("."):
        model = getattr(model, name)
    return model


def lies_below(path: str, above: str) -> bool:
    """Whether a path is another one or lies below it."""
    return path == above or path.startswith(f"{above}.")


def shown(value: Any) -> str:
    """A value as it is written in a recipe."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return str(value) if isinstance(value, int | float | str) else "set"


def _holds(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, _RULES):
        return wanted.holds(found)
    return found in wanted if isinstance(wanted, tuple) else found == wanted


def _reason(decides: str, found: Any, wanted: Any) -> str:
    if isinstance(wanted, _RULES):
        change = f"set {decides} {wanted}"
    else:
        change = (
            f"set {decides} to {' or '.join(map(shown, wanted if isinstance(wanted, tuple) else (wanted,)))}"
        )
    return f"has no effect where {decides} is {shown(found)}; leave it out, or {change}"


def _reference(value: BaseModel, default: Any) -> BaseModel:
    """What a nested model is compared with: the default where that is one of its kind."""
    return default if type(default) is type(value) else type(value)()


def _flat(model: BaseModel, reference: BaseModel, prefix: str = "") -> dict[str, bool]:
    """Whether each setting differs from its default, by path; a model that stands for none differs as such."""
    found: dict[str, bool] = {}
    for name in type(model).model_fields:
        path, value, default = f"{prefix}{name}", getattr(model, name), getattr(reference, name)
        if isinstance(value, BaseModel):
            if default is None:
                found[path] = True
            found |= _flat(value, _reference(value, default), f"{path}.")
        else:
            found[path] = value != default
    return found


def _reset(model: Model, reference: BaseModel, path: list[str]) -> Model:
    name, *rest = path
    value, default = getattr(model, name), getattr(reference, name)
    if rest:
        assert isinstance(value, BaseModel)  # the path leads there
        default = _reset(value, _reference(value, default), rest)
    return model.model_copy(update={name: default})
