"""Settings: strict models, YAML recipes and flags, one path with three spellings.

`recipe.method.dbscan.eps` in Python, `method: {dbscan: {eps: 0.6}}` in YAML and `--method.dbscan.eps 0.6` as
a flag are the same setting. Order: default < recipe file < flag, nothing else.
"""

import difflib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator, model_validator

from reseen.conditions import inactive, lies_below
from reseen.errors import SettingsError
from reseen.reading import read_regular

MOST_BYTES = 1_000_000
"""Larger recipes are refused unread."""

_MOST_BRACKETS = 1_000
_MOST_LETTERS = 4_096
"""Of one value: as many as a path may have."""


class Settings(BaseModel):
    """Base of every settings model: frozen, strict about keys, documented field by field."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    @classmethod
    def implied(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Values as they were given, with what they imply: a number of clusters says that merging stops there."""
        return given

    @model_validator(mode="before")
    @classmethod
    def _start_from_defaults(cls, values: Any) -> Any:
        """Of a part that is given by halves, the other half is the default of this model, not of the part's own."""
        if not isinstance(values, Mapping):
            return values
        values = dict(cls.implied(values))
        for name, field in cls.model_fields.items():
            given, default = values.get(name), field.default
            if (
                isinstance(default, Settings)
                and type(default) is field.annotation
                and isinstance(given, Mapping)
            ):
                with suppress(ValueError):  # which the part raises itself, in its own place
                    values[name] = merge(default.model_dump(), type(default).implied(given))
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
            raise SettingsError(_first_problem(cls, error, source)) from None
        except SettingsError as error:  # from a part that chose its own model, such as a method's settings
            raise SettingsError(f"{source}: {error}") from None

    def to_yaml(self) -> str:
        """All settings as YAML, itself a recipe."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        SettingsError: the file is missing, too large, is not YAML, has aliases (a few of them can stand for billions of
            values), or holds no mapping.
    """
    try:
        text = read_regular(path, MOST_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: cannot be read as a recipe ({error.__class__.__name__})") from None
    except ValueError as error:
        raise SettingsError(f"{path}: a recipe is smaller: {error}") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read as a recipe ({error.strerror or error})") from None
    try:
        _check_text(path, text)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{path}: not valid YAML{place}: {getattr(error, 'problem', error)}") from None
    except (ValueError, RecursionError) as error:  # a date in month 13, a thousand brackets
        raise SettingsError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: a recipe is a mapping of settings, found {type(values).__name__}")
    return values


def _check_text(path: Path, text: str) -> None:
    """Refuse what takes a YAML reader far longer than its size tells."""
    if text.count("[") + text.count("{") > _MOST_BRACKETS:
        raise SettingsError(f"{path}: a recipe has at most {_MOST_BRACKETS:,} brackets")
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise SettingsError(
                f"{path}: a recipe has no aliases (*name); write the value again where it is wanted"
            )
        if isinstance(event, yaml.ScalarEvent) and any("\ud800" <= sign <= "\udfff" for sign in event.value):
            raise SettingsError(
                f"{path}: a value in a recipe holds half of a surrogate pair, which is no text"
            )
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > _MOST_LETTERS:
            raise SettingsError(
                f"{path}: a value in a recipe has at most {_MOST_LETTERS:,} letters, found {len(event.value):,}"
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


def suggestion(word: str, known: Sequence[str]) -> str:
    """`; did you mean 'x'?` when a known word is near, else the empty string."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""


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


def _first_problem(model: type[BaseModel], error: ValidationError, source: str) -> str:
    problem = error.errors()[0]
    location = [str(part) for part in problem["loc"]]
    trail = "".join(f"{part}: " for part in location[:-1])
    key = location[-1] if location else ""
    if problem["type"] == "extra_forbidden":
        known = _fields_at(model, location[:-1])
        return f"{source}: {trail}no setting '{key}'{suggestion(key, known) or _listing(known)}"
    found = problem.get("input")
    shown = "" if isinstance(found, Mapping) else f" (found {_shown(found)})"
    place = f"{trail}{key}: " if location else ""
    return f"{source}: {place}{problem['msg'].removeprefix('Value error, ')}{shown}"


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # a whole number of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= 200 else f"{text[:200]}..."


def _listing(known: Sequence[str]) -> str:
    return f"; the settings here are {', '.join(known)}" if known else ""


def _fields_at(model: Any, path: Sequence[str]) -> list[str]:
    """Names of the settings at a place in the tree; unions are searched for the member that fits."""
    candidates = [model]
    for part in path:
        following = []
        for candidate in candidates:
            fields = getattr(candidate, "model_fields", {})
            if part in fields:
                following += _models_in(fields[part].annotation)
        candidates = following or candidates
    return sorted({name for candidate in candidates for name in getattr(candidate, "model_fields", {})})


def _models_in(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]
