"""Patterns such as `{camera}_{*}.jpg` that say where a path names the camera, the tracklet or the time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from reseen.config import suggestion
from reseen.datasets.path_expression import MOST_WILDCARDS, PathExpression
from reseen.errors import SettingsError

_FIELDS = ("camera", "tracklet", "time")


@dataclass(frozen=True)
class PathPattern:
    """A compiled pattern.

    `{camera}`, `{tracklet}` and `{time}` stand for the shortest text without a slash, `{*}` for any text. A
    pattern with a slash is held against the path relative to the data folder, one without against the file
    name alone. Letter case does not matter outside the fields.
    """

    text: str
    expression: PathExpression

    def match(self, path: str) -> dict[str, str] | None:
        """The fields in a relative path, or None when it does not fit."""
        return self.expression.fullmatch(path if "/" in self.text else PurePosixPath(path).name)


def compile_pattern(text: str) -> PathPattern:
    """Compile a pattern.

    Raises:
        SettingsError: no field at all, an unknown one, or one given twice.
    """
    seen = set()
    for part in re.split(r"(\{[^{}]*\})", text):
        name = part[1:-1]
        if not (part.startswith("{") and part.endswith("}")) or name == "*":
            continue
        if name not in _FIELDS:
            hint = suggestion(name, _FIELDS) or f"; known: {', '.join(_FIELDS)} and *"
            raise SettingsError(f"camera pattern '{text}': no field '{{{name}}}'{hint}")
        if name in seen:
            raise SettingsError(f"camera pattern '{text}': {{{name}}} is given twice")
        seen.add(name)
    if not seen:
        raise SettingsError(
            f"camera pattern '{text}' names no field; write for example '{{camera}}/{{*}}' for sub-folders "
            "or '{camera}_{*}.jpg' for file names"
        )
    expression = PathExpression(text)
    if expression.wildcards > MOST_WILDCARDS:
        raise SettingsError(
            f"camera pattern '{text[:80]}...' has {expression.wildcards:,} fields and stars, and at most "
            f"{MOST_WILDCARDS} are taken"
        )
    return PathPattern(text, expression)


def fields(paths: Sequence[str], text: str) -> list[dict[str, str]]:
    """The fields in each path; empty where a path does not fit.

    Raises:
        SettingsError: the pattern is wrong or fits no path.
    """
    pattern = compile_pattern(text)
    found = [pattern.match(path) for path in paths]
    if not any(found):
        raise SettingsError(
            f"camera pattern '{text}' fits none of {len(paths):,} images; the first is '{paths[0]}'. "
            "{*} stands for any text; a pattern without / is held against the file name alone"
        )
    return [match or {} for match in found]
