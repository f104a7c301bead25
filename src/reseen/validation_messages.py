"""One line for what is wrong with settings: what pydantic found, the setting, and names that are near."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError


def first_problem(model: type[BaseModel], error: ValidationError, source: str) -> str:
    """One line on the first thing that is wrong with values given for `model`, after `source`, where they come from."""
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


def suggestion(word: str, known: Sequence[str]) -> str:
    """`; did you mean 'x'?` when a known word is near, else the empty string."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""
