"""Which entries of a gallery are meant.

Times as people write them.

A condition from what somebody typed, checked against what there is.
"""

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
    """Seconds: a number as it is, a date and time (text in ISO 8601) as seconds since 1970; without a zone it is UTC.

    Text may be a Unix time in milliseconds, microseconds or nanoseconds, told by its size, as when a data set is read.

    Raises:
        SettingsError: a text is neither.
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
    """Begin and end in seconds; None for what was not given or is empty text.

    Raises:
        SettingsError: a time is none, or the end is not after the begin.
    """
    first = None if after is None or after == "" else parse_timestamp(after)
    last = None if before is None or before == "" else parse_timestamp(before)
    if first is not None and last is not None and last <= first:
        raise SettingsError(f"the window of time ends before it begins, {after} to {before}; swap them")
    return first, last


def _since_1970(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def format_timestamp(seconds: float | None) -> str:
    """A date and time where the number can be one since 1973, else seconds; empty for None."""
    if seconds is None or math.isnan(seconds):
        return ""
    date = date_of(seconds)
    return f"{seconds:.1f} s" if date is None else date.strftime("%Y-%m-%d %H:%M:%S")


def date_of(seconds: float) -> datetime | None:
    """The date in UTC of seconds since 1970; None for numbers that can be none since 1973 and before the year 10000."""
    if not seconds >= 1e8:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


@dataclass(frozen=True)
class Filter:
    """Conditions that must all hold; one that is None holds for every entry, an empty tuple for none.

    An entry whose time is unknown lies in no window of time. A time is given in seconds, or as a date and time, as text
    such as `2026-05-01T14:30` or a `datetime`, in UTC without a zone.

    Raises:
        SettingsError: a text is no time.
    """

    keys: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    images: tuple[str, ...] | None = None
    """Paths from the folder of their source."""
    cameras: tuple[str, ...] | None = None
    not_cameras: tuple[str, ...] | None = None
    """Cameras to leave out, such as the query's own; an entry without a camera stays."""
    after: float | str | datetime | None = None
    """Entries at or after this time."""
    before: float | str | datetime | None = None
    """Entries before this time."""
    clusters: tuple[int, ...] | None = None
    tracklets: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        _ = self.window  # refuses a text that is no time

    @cached_property
    def window(self) -> tuple[float | None, float | None]:
        """`after` and `before` in seconds."""
        first = None if self.after is None else parse_timestamp(self.after)
        return first, None if self.before is None else parse_timestamp(self.before)

    @property
    def by_date(self) -> bool:
        """Whether a time was given as a date, which fits times that count from 1970 alone."""
        return any(_is_date(moment) for moment in (self.after, self.before))

    @cached_property
    def _keys(self) -> frozenset[str]:
        return frozenset(self.keys or ())

    @property
    def everything(self) -> bool:
        """True when there is no condition."""
        return all(getattr(self, field.name) is None for field in fields(self))

    def matches(self, entry: Entry) -> bool:
        """Whether an entry is meant: the rule that every store must follow."""
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
"""No condition."""


def parse_filter(
    cameras: Sequence[str] | None,
    after: str | None,
    before: str | None,
    clusters: Sequence[int] | None,
    known_cameras: Iterable[str | None] | None = None,
) -> Filter:
    """The condition; what is None or empty does not count, and without known cameras any will do.

    Raises:
        SettingsError: a time that is none, a window that is empty, or a camera that is not among those known.
    """
    if known_cameras is not None:
        cameras = named_cameras(cameras or (), known_cameras)
    first, last = parse_window(after, before)
    return Filter(
        cameras=tuple(cameras) if cameras else None,
        after=first if first is None else after,
        before=last if last is None else before,
        clusters=tuple(clusters) if clusters else None,
    )


def named_cameras(
    cameras: Iterable[str], known_cameras: Iterable[str | None], place: str = "gallery"
) -> tuple[str, ...]:
    """Cameras by the names that they have there: who wrote 1 in a manifest may ask for 1, though it is called c1.

    Raises:
        SettingsError: a camera that is not among those known.
    """
    known = sorted({name for name in known_cameras if name is not None})
    names = tuple(name if name in known else camera_name(name) or name for name in cameras)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            said = f"did you mean {near[0]}?" if near else f"it has {', '.join(known[:20]) or 'none'}"
            raise SettingsError(f"no camera '{name}' in this {place}; {said}")
    return names
