"""Parsing of times in data sets: ISO 8601 dates, seconds, or Unix times in ms, µs or ns."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""Smallest number in a unit, and that unit's count per second: 1e11 s would be the year 5138, 1e11 ms is 1973."""

_LIMIT = 1e20

Time = float | datetime | None
"""A number whose unit is not known yet, a date with time zone, or None for an unknown time."""


def parse_time(text: str | None) -> Time:
    """Parse a number or an ISO 8601 date and time (UTC unless it has a zone); None for None and `nan`.

    Raises:
        ValueError: the text is neither, is infinite, or is too large for a time in nanoseconds.

    Example:
        >>> to_seconds([parse_time("2024-05-01T12:00:00"), parse_time(None)])
        [1714564800.0, nan]
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
    if abs(number) >= _LIMIT:
        raise ValueError(f"{text[:40]} is not a time")
    return number


def to_seconds(times: Sequence[Time]) -> list[float]:
    """Convert the times of a column to seconds (since 1970 for dates and Unix times); NaN for None.

    All numbers of a column have the same unit, determined by the largest: seconds below 1e11, milliseconds below 1e14,
    microseconds below 1e17, nanoseconds above.
    """
    divisor = _divisor(max((abs(time) for time in times if isinstance(time, float)), default=0.0))
    return [
        math.nan if time is None else time / divisor if isinstance(time, float) else time.timestamp()
        for time in times
    ]


def _divisor(largest: float) -> float:
    return next((per_second for lowest, per_second in _UNITS if largest >= lowest), 1.0)
