"""Parsing of times in paths, where file names have no colons: `2024-05-01_12-00-00`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from reseen.data.times import Time, parse_time, to_seconds
from reseen.errors import DataError, SettingsError

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
