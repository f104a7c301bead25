"""Patterns such as `{camera}_{*}.jpg` that say where a path names the camera, the tracklet, the time or the person."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from reseen.config import suggestion
from reseen.datasets.path_expression import MOST_WILDCARDS, PathExpression
from reseen.errors import SettingsError

CAMERA_FIELDS = ("camera", "tracklet", "time", "date", "clock")
"""What a camera pattern may name."""

IDENTITY_FIELDS = ("identity",)
"""What an identity pattern names."""


@dataclass(frozen=True)
class PathPattern:
    """A compiled pattern.

    A field such as `{camera}` stands for the shortest text without a slash, `{*}` for any text. A pattern with a
    slash is held against the path relative to the data folder, one without against the file name alone. Letter case
    does not matter outside the fields.
    """

    text: str
    expression: PathExpression

    def match(self, path: str) -> dict[str, str] | None:
        """The fields in a relative path, or None when it does not fit."""
        return self.expression.fullmatch(path if "/" in self.text else PurePosixPath(path).name)


def compile_pattern(
    text: str, known: Sequence[str] = CAMERA_FIELDS, kind: str = "camera pattern"
) -> PathPattern:
    """Compile a pattern; `known` are the fields it may name, `kind` is what messages call it.

    Raises:
        SettingsError: no field at all, an unknown one, or one given twice.
    """
    seen = set()
    for part in re.split(r"(\{[^{}]*\})", text):
        name = part[1:-1]
        if not (part.startswith("{") and part.endswith("}")) or name == "*":
            continue
        if name not in known:
            hint = suggestion(name, known) or f"; known: {', '.join(known)} and *"
            raise SettingsError(f"{kind} '{text}': no field '{{{name}}}'{hint}")
        if name in seen:
            raise SettingsError(f"{kind} '{text}': {{{name}}} is given twice")
        seen.add(name)
    if not seen:
        field = known[0]
        raise SettingsError(
            f"{kind} '{text}' names no field; write for example '{{{field}}}/{{*}}' for sub-folders "
            f"or '{{{field}}}_{{*}}.jpg' for file names"
        )
    if ("date" in seen) != ("clock" in seen) or seen >= {"time", "date"}:
        raise SettingsError(f"{kind} '{text}': a time is {{time}}, or {{date}} and {{clock}} together")
    expression = PathExpression(text)
    if expression.wildcards > MOST_WILDCARDS:
        raise SettingsError(
            f"{kind} '{text[:80]}...' has {expression.wildcards:,} fields and stars, and at most "
            f"{MOST_WILDCARDS} are taken"
        )
    return PathPattern(text, expression)


def fields(
    paths: Sequence[str], text: str, known: Sequence[str] = CAMERA_FIELDS, kind: str = "camera pattern"
) -> list[dict[str, str]]:
    """The fields in each path; empty where a path does not fit.

    Raises:
        SettingsError: the pattern is wrong or fits no path.
    """
    pattern = compile_pattern(text, known, kind)
    found = [pattern.match(path) for path in paths]
    if not any(found):
        raise SettingsError(
            f"{kind} '{text}' fits none of {len(paths):,} images; the first is '{paths[0]}'. "
            "{*} stands for any text; a pattern without / is held against the file name alone"
        )
    return [match or {} for match in found]
