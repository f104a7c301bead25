"""Filters on gallery entries, and their parsing from user input: timestamps, time windows, camera names."""

import difflib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cached_property

from reseen.data.times import parse_time, to_seconds
from reseen.datasets.values import camera_name
from reseen.errors import SettingsError
from reseen.gallery.entries import Entry


def parse_timestamp(moment: float | str | datetime) -> float:
    """Convert a timestamp to seconds.

    Args:
        moment: seconds; a `datetime`; or text: a number, or an ISO 8601 date and time. Dates become Unix time, in UTC
            unless they have a zone. Numbers in text may be Unix times in milliseconds, microseconds or nanoseconds,
            detected by magnitude as when a data set is read.

    Raises:
        SettingsError: the text is neither a number nor a date.

    Example:
        >>> parse_timestamp("2026-05-01T14:30")
        1777645800.0
    """
    if not isinstance(moment, str):
        return _since_1970(moment) if isinstance(moment, datetime) else float(moment)
    try:
        (seconds,) = to_seconds([parse_time(moment)])
    except ValueError:
        seconds = math.nan
    if math.isnan(seconds):
        raise SettingsError(
            f"time '{moment}': give seconds such as 1200.5, or a date and time such as 2026-05-01T14:30"
        )
    return seconds


def parse_window(
    after: float | str | datetime | None, before: float | str | datetime | None
) -> tuple[float | None, float | None]:
    """Start and end of a time window in seconds; None for an end that is None or empty text.

    Raises:
        SettingsError: a text is no timestamp, or the window is empty.
    """
    start = None if after is None or after == "" else parse_timestamp(after)
    end = None if before is None or before == "" else parse_timestamp(before)
    if start is not None and end is not None and end <= start:
        raise SettingsError(f"the time window ends before it begins, {after} to {before}; swap them")
    return start, end


def _since_1970(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def format_timestamp(seconds: float | None) -> str:
    """Text of a timestamp: a UTC date if it can be a Unix time since 1973, else seconds; empty for None or NaN."""
    if seconds is None or math.isnan(seconds):
        return ""
    date = date_of(seconds)
    return f"{seconds:.1f} s" if date is None else date.strftime("%Y-%m-%d %H:%M:%S")


def date_of(seconds: float) -> datetime | None:
    """The UTC date of a Unix time; None before March 1973, for relative times, and after the year 9999."""
    if not seconds >= 1e8:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


@dataclass(frozen=True)
class Filter:
    """A filter on entries: an entry matches if it fulfills all conditions.

    A condition of None matches every entry; an empty tuple matches none. Entries without a time match no time window.

    Raises:
        SettingsError: `after` or `before` is text but no timestamp.

    Example:
        >>> where = reseen.Filter(cameras=("c1", "c2"), after="2026-05-01T14:30")
        >>> gallery.search(vector, top=10, where=where)
    """

    keys: tuple[str, ...] | None = None
    """Keys of entries."""
    sources: tuple[str, ...] | None = None
    """Source folders, absolute."""
    images: tuple[str, ...] | None = None
    """Paths below the source folder."""
    cameras: tuple[str, ...] | None = None
    not_cameras: tuple[str, ...] | None = None
    """Cameras to exclude, such as the query's; entries without a camera match."""
    after: float | str | datetime | None = None
    """Earliest time, inclusive: seconds, a `datetime`, or text as in `parse_timestamp`."""
    before: float | str | datetime | None = None
    """Latest time, exclusive."""
    clusters: tuple[int, ...] | None = None
    tracklets: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        _ = self.window  # raises for text that is no timestamp

    @cached_property
    def window(self) -> tuple[float | None, float | None]:
        """`after` and `before` in seconds, each None if not set."""
        start = None if self.after is None else parse_timestamp(self.after)
        return start, None if self.before is None else parse_timestamp(self.before)

    @property
    def by_date(self) -> bool:
        """Whether `after` or `before` is a date, which is comparable with absolute times only."""
        return any(_is_date(moment) for moment in (self.after, self.before))

    @cached_property
    def _keys(self) -> frozenset[str]:
        return frozenset(self.keys or ())

    @property
    def everything(self) -> bool:
        """Whether there is no condition, so that all entries match."""
        return all(getattr(self, field.name) is None for field in fields(self))

    def matches(self, entry: Entry) -> bool:
        """Whether an entry fulfills all conditions; the reference for every store."""
        after, before = self.window
        return (
            (self.keys is None or entry.key in self._keys)
            and (self.sources is None or entry.source in self.sources)
            and (self.images is None or entry.image in self.images)
            and (self.cameras is None or entry.camera in self.cameras)
            and (self.not_cameras is None or entry.camera not in self.not_cameras)
            and (after is None or (entry.time is not None and entry.time >= after))
            and (before is None or (entry.time is not None and entry.time < before))
            and (self.clusters is None or entry.cluster in self.clusters)
            and (self.tracklets is None or entry.tracklet in self.tracklets)
        )


def _is_date(moment: float | str | datetime | None) -> bool:
    if not isinstance(moment, str):
        return isinstance(moment, datetime)
    try:
        float(moment)
    except ValueError:
        return True
    return False


EVERYTHING = Filter()
"""The filter that matches every entry."""


def parse_filter(
    cameras: Sequence[str] | None,
    after: float | str | datetime | None,
    before: float | str | datetime | None,
    clusters: Sequence[int] | None,
    known_cameras: Iterable[str | None] | None = None,
) -> Filter:
    """A filter from user input; None or empty means no condition.

    Args:
        cameras: camera names.
        after: earliest time, inclusive.
        before: latest time, exclusive.
        clusters: cluster numbers.
        known_cameras: names that `cameras` are checked against; None skips the check.

    Raises:
        SettingsError: invalid timestamp, empty time window, or unknown camera.
    """
    if known_cameras is not None:
        cameras = resolve_camera_names(cameras or (), known_cameras)
    start, end = parse_window(after, before)
    return Filter(
        cameras=tuple(cameras) if cameras else None,
        after=start if start is None else after,
        before=end if end is None else before,
        clusters=tuple(clusters) if clusters else None,
    )


def resolve_camera_names(
    cameras: Iterable[str], known_cameras: Iterable[str | None], place: str = "gallery"
) -> tuple[str, ...]:
    """Map camera names from user input to known names, so that `1` finds camera `c1`.

    Args:
        cameras: names from user input.
        known_cameras: names in the gallery or folder.
        place: what has these cameras, for the error message.

    Raises:
        SettingsError: unknown camera.
    """
    known = sorted({name for name in known_cameras if name is not None})
    names = tuple(name if name in known else camera_name(name) or name for name in cameras)
    for name in names:
        if name not in known:
            similar = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {similar[0]}?" if similar else f"it has {', '.join(known[:20]) or 'none'}"
            raise SettingsError(f"no camera '{name}' in this {place}; {hint}")
    return names
