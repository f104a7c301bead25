"""Times as people write them."""

from datetime import UTC, datetime

from reseen.errors import SettingsError


def parse_moment(text: str) -> float:
    """Seconds: a number as it is, a date and time in ISO 8601 as seconds since 1970; without a zone it is UTC.

    Raises:
        SettingsError: the text is neither.
    """
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"time '{text}': give seconds such as 1200.5, or a date and time such as 2026-05-01T14:30"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def parse_window(after: str | None, before: str | None) -> tuple[float | None, float | None]:
    """Begin and end in seconds; None for what was not given or is empty.

    Raises:
        SettingsError: a time is none, or the end is not after the begin.
    """
    first = parse_moment(after) if after else None
    last = parse_moment(before) if before else None
    if first is not None and last is not None and last <= first:
        raise SettingsError(f"the window of time ends before it begins, {after} to {before}; swap them")
    return first, last


def format_moment(seconds: float | None) -> str:
    """A date and time where the number can be one since 1973, else seconds; empty for None."""
    if seconds is None:
        return ""
    if seconds >= 1e8:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{seconds:.1f} s"
