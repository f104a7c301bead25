"""Which entries of a gallery are meant.

Times as people write them.

A condition from what somebody typed.
"""

import difflib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from reseen.data.times import parse_time, to_seconds
from reseen.datasets.values import camera_name
from reseen.errors import SettingsError
from reseen.gallery.entries import Entry


@dataclass(frozen=True)
class Filter:
    """Conditions that must all hold; one that is None holds for every entry, an empty tuple for none.

    An entry whose time is unknown lies in no window of time.
    """

    keys: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    images: tuple[str, ...] | None = None
    """Paths from the folder of their source."""
    cameras: tuple[str, ...] | None = None
    not_cameras: tuple[str, ...] | None = None
    """Cameras to leave out, such as the query's own; an entry without a camera stays."""
    after: float | None = None
    """Seconds; entries at or after this time."""
    before: float | None = None
    """Seconds; entries before this time."""
    clusters: tuple[int, ...] | None = None
    tracklets: tuple[int, ...] | None = None

    @property
    def everything(self) -> bool:
        """True when there is no condition."""
        return all(getattr(self, field.name) is None for field in fields(self))

    def matches(self, entry: Entry) -> bool:
        """Whether an entry is meant: the rule that every store must follow."""
        return (
            (self.keys is None or entry.key in self.keys)
            and (self.sources is None or entry.source in self.sources)
            and (self.images is None or entry.image in self.images)
            and (self.cameras is None or entry.camera in self.cameras)
            and (self.not_cameras is None or entry.camera not in self.not_cameras)
            and (self.after is None or (entry.time is not None and entry.time >= self.after))
            and (self.before is None or (entry.time is not None and entry.time < self.before))
            and (self.clusters is None or entry.cluster in self.clusters)
            and (self.tracklets is None or entry.tracklet in self.tracklets)
        )


EVERYTHING = Filter()
"""No condition."""


def parse_timestamp(text: str) -> float:
    """Seconds: a number, or since 1970 a date and time in ISO 8601, in UTC where it names no zone.

    Unix times in milliseconds, microseconds or nanoseconds are known by their size, as when a data set is read.

    Raises:
        SettingsError: the text is neither.
    """
    try:
        (moment,) = to_seconds([parse_time(text)])
    except ValueError:
        moment = math.nan
    if math.isnan(moment):
        raise SettingsError(
            f"time '{text}': give seconds such as 1200.5, or a date and time such as 2026-05-01T14:30"
        ) from None
    return moment


def parse_window(after: str | None, before: str | None) -> tuple[float | None, float | None]:
    """Begin and end in seconds; None for what was not given or is empty.

    Raises:
        SettingsError: a time is none, or the end is not after the begin.
    """
    first = parse_timestamp(after) if after else None
    last = parse_timestamp(before) if before else None
    if first is not None and last is not None and last <= first:
        raise SettingsError(f"the window of time ends before it begins, {after} to {before}; swap them")
    return first, last


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


def parse_filter(
    cameras: Sequence[str] | None,
    after: str | None,
    before: str | None,
    clusters: Sequence[int] | None,
    known_cameras: Iterable[str | None],
) -> Filter:
    """The condition; what is None or empty does not count.

    Raises:
        SettingsError: a time that is none, a window that is empty, or a camera that is not among those known.
    """
    known = sorted(name for name in known_cameras if name is not None)
    cameras = [name if name in known else camera_name(name) or name for name in cameras or ()]
    for camera in cameras:
        if camera not in known:
            near = difflib.get_close_matches(camera, known, n=1, cutoff=0.5)
            said = f"did you mean {near[0]}?" if near else f"it has {', '.join(known[:20]) or 'none'}"
            raise SettingsError(f"no camera '{camera}' in this gallery; {said}")
    first, last = parse_window(after, before)
    return Filter(
        cameras=tuple(cameras) if cameras else None,
        after=first,
        before=last,
        clusters=tuple(clusters) if clusters else None,
    )
