"""Times in paths, where names of files may hold no colon: `2024-05-01_12-00-00`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from reseen.data.times import Time, parse_time, to_seconds
from reseen.errors import DataError, SettingsError

_DATE = r"((?:19|20)\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])"
_CLOCK = r"([01]\d|2[0-3])[-:._h]?([0-5]\d)(?:[-:._m]?([0-5]\d))?"
_MOMENT = re.compile(rf"{_DATE}(?:[T_ .-]?{_CLOCK}(\.\d+)?)?")
_DAY_OR_HOUR = re.compile(rf"{_DATE}([T_ ]\d\d)?")
_CLOCK_BEHIND = re.compile(rf"[T_ .-]*{_CLOCK}(?!\d)")
_MINUTES_BEHIND = re.compile(r"[-:._]?[0-5]\d(?!\d)")


def path_times(
    root: Path, paths: Sequence[str], found: Sequence[Mapping[str, str]], pattern: str
) -> list[float] | None:
    """Seconds of each crop by the fields of its path, NaN where unknown; None for a pattern without a time.

    `{time}` is a number of seconds or a date with a clock; `{date}` and `{clock}` are the two apart.

    Raises:
        DataError: a field holds no time.
        SettingsError: `{time}` ends at the date while the clock stands behind it.
    """
    if not any({"time", "date"} & match.keys() for match in found):
        return None
    times: list[Time] = []
    for path, match in zip(paths, found, strict=True):
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
                f"{root / path}: '{text}' is no time; {{time}} is a number of seconds or a date "
                "like 2024-05-01T12:00:00 or 2024-05-01_12-00-00, {date} and {clock} are its two parts"
            ) from None
    return to_seconds(times)


def _parse(text: str) -> Time:
    moment = _MOMENT.fullmatch(text)
    if moment is None:
        return parse_time(text)
    year, month, day, hour, minute, second, fraction = moment.groups()
    clock = f"{hour or '00'}:{minute or '00'}:{second or '00'}{(fraction or '')[:7]}"
    return parse_time(f"{year}-{month}-{day}T{clock}")


def _check_whole(path: str, text: str, pattern: str) -> None:
    """Refuse a `{time}` that is a date or an hour where the path goes on with the rest of the clock."""
    day = _DAY_OR_HOUR.fullmatch(text)
    if day is None:
        return
    for behind in path.split(text)[1:]:
        clock = (_MINUTES_BEHIND if day[4] else _CLOCK_BEHIND).match(behind)
        if clock is not None:
            raise SettingsError(
                f"camera pattern '{pattern}': {{time}} takes '{text}' from '{path}' and would drop the clock "
                f"'{clock[0].lstrip('T_ .-')}' behind it; write the fields {{date}} and {{clock}}, such as "
                "{date}_{clock}, or let {time} reach to the end of the clock"
            )
