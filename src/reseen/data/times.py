"""Times as data sets write them: dates, seconds, or Unix times in milliseconds, microseconds or nanoseconds."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""Size of a number from which on it counts so many parts of a second: 1e11 seconds are the year 5138, 1e11
milliseconds are 1973."""

_MOST = 1e20

Time = float | datetime | None
"""A number of a unit that is not known yet, a date with its zone, or nothing."""


def parse_time(text: str | None) -> Time:
    """A number, or a date and time in ISO 8601, in UTC where it names no zone; None for nothing and for `nan`.

    Raises:
        ValueError: neither of the two, infinite, or too large for a time in nanoseconds.
    """
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        date = datetime.fromisoformat(text)
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    if math.isnan(number):
        return None
    if abs(number) >= _MOST:
        raise ValueError(f"{text[:40]} is no time")
    return number


def to_seconds(times: Sequence[Time]) -> list[float]:
    """Seconds, since 1970 for dates and Unix times; NaN for None.

    All numbers of a column have one unit, that of the largest: seconds below 1e11, milliseconds below 1e14,
    microseconds below 1e17, nanoseconds above.
    """
    divisor = _divisor(max((abs(time) for time in times if isinstance(time, float)), default=0.0))
    return [
        math.nan if time is None else time / divisor if isinstance(time, float) else time.timestamp()
        for time in times
    ]


def _divisor(largest: float) -> float:
    return next((parts for least, parts in _UNITS if largest >= least), 1.0)
