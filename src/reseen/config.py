"""Settings: strict models, YAML recipes and flags, one path with three spellings.

`recipe.method.clustering.eps` in Python, `method: {clustering: {eps: 0.6}}` in YAML and `
--method.clustering.eps 0.6` as
a flag are the same setting. Order: default < recipe file < flag, nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator, model_validator

from reseen.conditions import inactive, lies_below
from reseen.errors import SettingsError
from reseen.reading import read_regular
from reseen.validation_messages import first_problem
from reseen.validation_messages import suggestion as suggestion

Result = TypeVar("Result")

MOST_BYTES = 1_000_000
"""Larger recipes are refused unread."""

_MOST_BRACKETS = 1_000
_MOST_LETTERS = 4_096
"""Of one value: as many as a path may have."""


class Settings(BaseModel):
    """Base of every settings model: frozen, strict about keys, documented field by field."""

    drops_other_kinds: ClassVar[bool] = False
    """Whether settings of another kind are left out where flags choose this one (`override`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    @classmethod
    def implied(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Values as they were given, with what they imply: a number of clusters says that merging stops there."""
        return given

    def kind_of(self, given: Mapping[str, Any]) -> "type[Settings]":  # noqa: ARG002
        """The model of settings that are given where this one is the default."""
        return type(self)

    @model_validator(mode="before")
    @classmethod
    def _start_from_defaults(cls, values: Any) -> Any:
        """Of a part that is given by halves, the other half is the default of this model, not of the part's own."""
        if not isinstance(values, Mapping):
            return values
        values = dict(cls.implied(values))
        for name, field in cls.model_fields.items():
            given, default = values.get(name), field.default
            named = isinstance(default, NamedSettings)
            if not isinstance(given, Mapping) or not isinstance(default, Settings):
                continue
            if not named and type(default) is not field.annotation:
                continue
            kind = _within(name, lambda default=default, given=given: default.kind_of(given))
            if kind is type(default):
                with suppress(ValueError):  # which the part raises itself, in its own place
                    given = override(kind, default.model_dump(), given)
            values[name] = kind.parse(given, name) if named else given
        return values

    @field_validator("*", mode="before")
    @classmethod
    def _keep_kinds(cls, value: Any, info: ValidationInfo) -> Any:
        """5.0 is no count and `true` is no number: neither is turned into one."""
        kinds = _kinds(cls.model_fields[str(info.field_name)].annotation)
        if isinstance(value, float) and int in kinds and float not in kinds:
            raise ValueError("wanted a whole number, without point or exponent")
        if isinstance(value, bool) and bool not in kinds and kinds & {int, float}:
            raise ValueError("wanted a number")
        return value

    @classmethod
    def parse(cls, values: Mapping[str, Any], source: str) -> Self:
        """Validate `values` (nested mappings).

        Raises:
            SettingsError: an unknown key or a value that does not fit; names `source` and the setting.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise SettingsError(first_problem(cls, error, source)) from None
        except SettingsError as error:  # from a part that chose its own model, such as a method's settings
            raise SettingsError(f"{source}: {error}") from None

    def to_yaml(self) -> str:
        """All settings as YAML, itself a recipe."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


class NamedSettings(Settings):
    """Base of settings of which there are several kinds, such as those of each clustering; `name` selects the kind."""

    name: str

    @classmethod
    def named(cls, name: Any) -> "type[NamedSettings]":
        """The settings of a kind.

        Raises:
            ValueError: there is no such kind; lists the names.
        """
        raise NotImplementedError

    def kind_of(self, given: Mapping[str, Any]) -> "type[NamedSettings]":
        """The kind that is named, or this one's own where no name is given."""
        name = given.get("name", self.name)
        return type(self) if name == self.name else self.named(name)


def override(model: type[Settings], below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings of `model` where `above` wins over `below`, with what `above` implies.

    Where `above` names another kind of a part, such as another clustering, the settings of `below` that the kind does
    not have are left out.

    Raises:
        ValueError: there is no such kind, or `above` contradicts itself.
    """
    result = dict(below)
    for key, value in model.implied(above).items():
        field, old = model.model_fields.get(key), below.get(key)
        old = old if isinstance(old, Mapping) else {}
        default = None if field is None else field.default
        if not isinstance(value, Mapping):
            result[key] = value
        elif isinstance(default, Settings):
            result[key] = _within(
                key, lambda default=default, old=old, value=value: _override_part(default, old, value)
            )
        else:
            result[key] = merge(old, value)
    return result


def _override_part(default: Settings, below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    kind = default.kind_of({**below, **above})
    if kind is not default.kind_of(below) and kind.drops_other_kinds:
        below = {name: value for name, value in below.items() if name in kind.model_fields}
    return override(kind, below, above)


def _within(name: str, work: Callable[[], Result]) -> Result:
    """What `work` returns; the part's name is put before its ValueError."""
    try:
        return work()
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def read_yaml(path: Path, what: str = "a recipe") -> dict[str, Any]:
    """The mapping in a YAML file; `what` says in messages what the file should be.

    Raises:
        SettingsError: the file is missing, too large, is not YAML, has aliases (a few of them can stand for billions of
            values), or holds no mapping.
    """
    try:
        text = read_regular(path, MOST_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: cannot be read as {what} ({error.__class__.__name__})") from None
    except ValueError as error:
        raise SettingsError(f"{path}: {what} is smaller: {error}") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read as {what} ({error.strerror or error})") from None
    try:
        _check_text(path, text, what)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{path}: not valid YAML{place}: {getattr(error, 'problem', error)}") from None
    except (ValueError, RecursionError) as error:  # a date in month 13, a thousand brackets
        raise SettingsError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: {what} is a mapping of settings, found {type(values).__name__}")
    return values


def _check_text(path: Path, text: str, what: str) -> None:
    """Refuse what takes a YAML reader far longer than its size tells."""
    if text.count("[") + text.count("{") > _MOST_BRACKETS:
        raise SettingsError(f"{path}: {what} has at most {_MOST_BRACKETS:,} brackets")
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise SettingsError(
                f"{path}: {what} has no aliases (*name); write the value again where it is wanted"
            )
        if isinstance(event, yaml.ScalarEvent) and any("\ud800" <= sign <= "\udfff" for sign in event.value):
            raise SettingsError(f"{path}: a value in {what} holds half of a surrogate pair, which is no text")
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > _MOST_LETTERS:
            raise SettingsError(
                f"{path}: a value in {what} has at most {_MOST_LETTERS:,} letters, found {len(event.value):,}"
            )


def parse_flags(tokens: Sequence[str]) -> dict[str, Any]:
    """Turn `--a.b.c value` and `--a.b.c=value` into nested mappings; values are read as YAML scalars.

    Raises:
        SettingsError: a token that is no flag, a flag without a value, or one flag given twice.
    """
    nested: dict[str, Any] = {}
    queue = list(tokens)
    while queue:
        flag = queue.pop(0)
        if not flag.startswith("--") or flag == "--":
            raise SettingsError(f"'{flag}' is not a setting; write --section.name VALUE")
        name, equals, text = flag[2:].partition("=")
        if not equals:
            if not queue or queue[0].startswith("--"):
                raise SettingsError(f"--{name} needs a value: --{name} VALUE")
            text = queue.pop(0)
        _put(nested, name.replace("-", "_").split("."), _scalar(text), name)
    return nested


def merge(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """A nested mapping where `top` wins over `base`."""
    result = dict(base)
    for key, value in top.items():
        below = result.get(key)
        result[key] = (
            merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
        )
    return result


def check_effect(settings: BaseModel, given: Mapping[str, Any], source: str) -> None:
    """Whether what was given, a nested mapping, has an effect in the settings that came of it.

    Raises:
        SettingsError: something has none; names `source`, the setting and the one that decides.
    """
    reasons = inactive(settings)
    for setting in paths(given):
        for path, reason in reasons.items():
            if lies_below(setting, path):
                raise SettingsError(f"{source}: {setting}: {reason}")


def paths(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Dotted paths of all values in nested mappings but null, which leaves a setting out."""
    found: list[str] = []
    for key, value in values.items():
        deeper = paths(value, f"{prefix}{key}.") if isinstance(value, Mapping) else []
        found += deeper or ([] if value is None else [f"{prefix}{key}"])
    return found


def _scalar(text: str) -> Any:
    """Read a flag's value: YAML, plus `3e-4`, which YAML 1.1 takes for a string."""
    try:
        return float(text) if "e" in text.lower() and text[:1] in "+-.0123456789" else yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return text


def _put(nested: dict[str, Any], path: list[str], value: Any, flag: str) -> None:
    for key in path[:-1]:
        nested = nested.setdefault(key, {})
        if not isinstance(nested, dict):
            raise SettingsError(
                f"--{flag}: '{key}' was given a value before; it cannot have settings of its own"
            )
    if path[-1] in nested:
        raise SettingsError(f"--{flag} is given twice")
    nested[path[-1]] = value


def _kinds(annotation: Any) -> set[Any]:
    """The plain types in an annotation, such as int and None in `Annotated[int, ...] | None`."""
    if isinstance(annotation, type) and not get_args(annotation):
        return {annotation}
    return {kind for part in get_args(annotation) for kind in _kinds(part)}
