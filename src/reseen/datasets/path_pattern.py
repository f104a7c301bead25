"""Path patterns such as `{camera}_{*}.jpg`, from which camera, tracklet, time or identity are read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from reseen.config import suggestion
from reseen.datasets.path_expression import MOST_WILDCARDS, PathExpression
from reseen.errors import SettingsError

CAMERA_FIELDS = ("camera", "tracklet", "time", "date", "clock")
"""Fields of a camera pattern."""

IDENTITY_FIELDS = ("identity",)
"""Fields of an identity pattern."""


@dataclass(frozen=True)
class PathPattern:
    """A compiled path pattern. Made by `compile_pattern`.

    A field such as `{camera}` matches the shortest text without a slash, `{*}` any text. A pattern with a slash is
    matched against the path relative to the data folder, one without a slash against the file name. Letter case is
    ignored outside the fields.

    Example:
        >>> compile_pattern("{camera}_{*}.jpg").match("day1/cam2_0001.jpg")
        {'camera': 'cam2'}
    """

    text: str
    expression: PathExpression

    def match(self, path: str) -> dict[str, str] | None:
        """The fields of a relative path; None if the pattern does not match."""
        return self.expression.fullmatch(path if "/" in self.text else PurePosixPath(path).name)


def compile_pattern(
    text: str, known: Sequence[str] = CAMERA_FIELDS, kind: str = "camera pattern"
) -> PathPattern:
    """Compile a pattern that may contain the fields `known`; `kind` is its name in messages.

    Raises:
        SettingsError: the pattern has no field, an unknown one or one twice, an incomplete time, or too many wildcards.
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
            raise SettingsError(f"{kind} '{text}': {{{name}}} occurs twice")
        seen.add(name)
    if not seen:
        field = known[0]
        raise SettingsError(
            f"{kind} '{text}' has no field; write for example '{{{field}}}/{{*}}' for sub-folders "
            f"or '{{{field}}}_{{*}}.jpg' for file names"
        )
    if ("date" in seen) != ("clock" in seen) or seen >= {"time", "date"}:
        raise SettingsError(f"{kind} '{text}': use either {{time}}, or {{date}} and {{clock}} together")
    expression = PathExpression(text)
    if expression.wildcards > MOST_WILDCARDS:
        raise SettingsError(
            f"{kind} '{text[:80]}...' has {expression.wildcards:,} fields and wildcards, at most {MOST_WILDCARDS} are "
            "allowed"
        )
    return PathPattern(text, expression)


def fields(
    paths: Sequence[str], text: str, known: Sequence[str] = CAMERA_FIELDS, kind: str = "camera pattern"
) -> list[dict[str, str]]:
    """The fields of each path; an empty dictionary for paths that do not match.

    Raises:
        SettingsError: the pattern is invalid or matches no path.
    """
    pattern = compile_pattern(text, known, kind)
    matches = [pattern.match(path) for path in paths]
    if not any(matches):
        raise SettingsError(
            f"{kind} '{text}' matches none of {len(paths):,} images; the first is '{paths[0]}'. "
            "{*} stands for any text; a pattern without / is matched against the file name only"
        )
    return [match or {} for match in matches]
