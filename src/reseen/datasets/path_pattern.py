"""Path patterns such as `{camera}_{*}.jpg`, from which camera, tracklet, time or identity are read.

They are matched without exponential backtracking. A regular expression with lazy wildcards gives the same fields, but
on paths that do not match it tries all placements of the wildcards: minutes for a path of a few hundred letters.
Patterns can come from untrusted recipes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from reseen.config import suggestion
from reseen.data.times import Time, parse_time, to_seconds
from reseen.errors import DataError, SettingsError

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


_DATE = r"((?:19|20)\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])"
_CLOCK = r"([01]\d|2[0-3])[-:._h]?([0-5]\d)(?:[-:._m]?([0-5]\d))?"
_TIMESTAMP = re.compile(rf"{_DATE}(?:[T_ .-]?{_CLOCK}(\.\d+)?)?")
_DAY_OR_HOUR = re.compile(rf"{_DATE}([T_ ]\d\d)?")
_CLOCK_AFTER = re.compile(rf"[T_ .-]*{_CLOCK}(?!\d)")
_MINUTES_AFTER = re.compile(r"[-:._]?[0-5]\d(?!\d)")


def path_times(
    root: Path, paths: Sequence[str], matches: Sequence[Mapping[str, str]], pattern: str
) -> list[float] | None:
    """Time of each crop in seconds from the fields of its path, NaN where unknown; None for a pattern without time.

    `{time}` is a number of seconds, or a date with optional clock time; `{date}` and `{clock}` are its two parts.

    Raises:
        DataError: a field is not a time.
        SettingsError: `{time}` ends at the date although a clock time follows.
    """
    if not any({"time", "date"} & match.keys() for match in matches):
        return None
    times: list[Time] = []
    for path, match in zip(paths, matches, strict=True):
        if not match:
            times.append(None)
            continue
        if "time" in match:
            _check_whole(path, match["time"], pattern)
        text = match["time"] if "time" in match else f"{match['date']}T{match['clock']}"
        try:
            times.append(_parse(text))
        except ValueError:
            raise DataError(
                f"{root / path}: '{text}' is not a time; {{time}} is a number of seconds or a date "
                "like 2024-05-01T12:00:00 or 2024-05-01_12-00-00, {date} and {clock} are its two parts"
            ) from None
    return to_seconds(times)


def _parse(text: str) -> Time:
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return parse_time(text)
    year, month, day, hour, minute, second, fraction = match.groups()
    clock = f"{hour or '00'}:{minute or '00'}:{second or '00'}{(fraction or '')[:7]}"
    return parse_time(f"{year}-{month}-{day}T{clock}")


def _check_whole(path: str, text: str, pattern: str) -> None:
    """Refuse a `{time}` that is only a date, or a date and hour, if the path continues with the clock time."""
    day = _DAY_OR_HOUR.fullmatch(text)
    if day is None:
        return
    for following in path.split(text)[1:]:
        clock = (_MINUTES_AFTER if day[4] else _CLOCK_AFTER).match(following)
        if clock is not None:
            raise SettingsError(
                f"camera pattern '{pattern}': {{time}} takes '{text}' from '{path}' and would drop the clock time "
                f"'{clock[0].lstrip('T_ .-')}' after it; use the fields {{date}} and {{clock}}, such as "
                "{date}_{clock}, or extend {time} to the end of the clock time"
            )
