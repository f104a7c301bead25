"""Path patterns such as `{camera}_{*}.jpg`, from which camera, tracklet, time or identity are read.

They are matched without exponential backtracking. A regular expression with lazy wildcards gives the same fields, but
on paths that do not match it tries all placements of the wildcards: minutes for a path of a few hundred letters.
Patterns can come from untrusted recipes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from reseen.config import suggestion
from reseen.errors import SettingsError

MOST_WILDCARDS = 32
"""Limit of wildcards, that is, fields and `{*}`, per pattern."""

_PARTS = re.compile(r"(\{[^{}]*\})")


class PathExpression:
    """A parsed pattern: literal text, `{*}` for any text, and fields such as `{camera}` for text without a slash."""

    def __init__(self, text: str) -> None:
        self._parts = [part for part in _PARTS.split(text) if part]
        self._literals = [
            None if part.startswith("{") and part.endswith("}") else _folded(part) for part in self._parts
        ]

    @property
    def wildcards(self) -> int:
        """Number of fields and `{*}`."""
        return self._literals.count(None)

    def fullmatch(self, path: str) -> dict[str, str] | None:
        """Match a whole path and return its fields, or None; each field is as short as possible, from left to right.

        Letter case is ignored outside the fields.
        """
        folded = _folded(path)
        begins = [0] * (len(self._parts) + 1)
        failed: dict[
            tuple[int, int], int
        ] = {}  # (part, its last end): smallest begin from which no match exists

        def fits(number: int, begin: int) -> bool:
            begins[number] = begin
            if number == len(self._parts):
                return begin == len(folded)
            literal = self._literals[number]
            if literal is not None:
                return folded.startswith(literal, begin) and fits(number + 1, begin + len(literal))
            first, last = begin, len(folded)
            if self._parts[number] != "{*}":
                first, slash = begin + 1, folded.find("/", begin)
                last = len(folded) if slash < 0 else slash
            if failed.get((number, last), len(folded) + 1) <= begin:
                return False
            for end in self._ends(number, folded, first, last):
                if fits(number + 1, end):
                    begins[number] = begin
                    return True
            failed[number, last] = begin
            return False

        if not fits(0, 0):
            return None
        return {
            part[1:-1]: path[begins[number] : begins[number + 1]]
            for number, part in enumerate(self._parts)
            if self._literals[number] is None and part != "{*}"
        }

    def _ends(self, number: int, folded: str, first: int, last: int) -> Iterator[int]:
        """Possible ends of a wildcard, at which the next part can begin."""
        if number + 1 == len(self._parts):
            if first <= len(folded) == last:
                yield last
            return
        literal = self._literals[number + 1]
        if literal is None:
            yield from range(first, last + 1)
            return
        end = folded.find(literal, first)
        while 0 <= end <= last:
            yield end
            end = folded.find(literal, end + 1)


def _folded(text: str) -> str:
    """The text in lower case, of the same length: letters whose lower case is longer are kept."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)


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
