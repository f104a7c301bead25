"""Timelines of search results and of people: one row per camera, sightings along the time axis."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reseen.gallery.filter import date_of, format_timestamp
from reseen.gallery.gallery import Match

_MAX_GAP = 0.03
"""Sightings by one camera belong to one visit if their gap is at most this fraction of the width."""
_MARGIN = 2.0
"""Free space on either side, in percent of the width."""
_TICKS = 4
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True)
class TimelineItem:
    """Crops by one camera at one time, to be put on a timeline."""

    camera: str | None
    first: float | None
    """Earliest time in seconds; None if unknown."""
    last: float | None
    words: str
    """What is said of it after its time."""
    url: str
    """Where a click on it leads."""
    is_query: bool = False


@dataclass(frozen=True)
class Sighting:
    """One point on the timeline."""

    url: str
    percent: float
    """Position on the time axis, 0 to 100 percent of the width."""
    label: str
    """Time, and what is said of it."""
    is_query: bool


@dataclass(frozen=True)
class CameraRow:
    """Sightings by one camera."""

    camera: str
    sightings: tuple[Sighting, ...]
    visits: tuple[tuple[float, float], ...]
    """First and last position, in percent, of each visit."""
    label: str
    """First and last time."""


@dataclass(frozen=True)
class Timeline:
    """Sightings, ready to draw."""

    rows: tuple[CameraRow, ...]
    """Sorted by first sighting."""
    ticks: tuple[tuple[float, str], ...]
    """(Position in percent, label) of each tick."""
    caption: str
    """The range of dates."""
    undated: int
    """Number of crops without a time, which are not shown."""


def build_timeline(matches: Sequence[Match], query: Match | None = None) -> Timeline:
    """The timeline of search results and, if it is in the gallery, the query crop."""
    crops = [*([query] if query is not None else []), *matches]
    return place_appearances(
        [
            TimelineItem(
                match.entry.camera,
                match.entry.time,
                match.entry.time,
                "query crop" if match is query else f"similarity {match.similarity:.3f}",
                f"/search?key={match.entry.key}",
                match is query,
            )
            for match in crops
        ]
    )


def place_appearances(appearances: Sequence[TimelineItem]) -> Timeline:
    """The timeline of appearances, each a point at its first time.

    Times are seconds; from 1e8 on they are Unix times. Infinite and NaN times count as missing.
    """
    dated = [
        (one, one.first, max(one.first, one.last if one.last is not None else one.first))
        for one in appearances
        if one.first is not None and math.isfinite(one.first) and math.isfinite(one.last or 0.0)
    ]
    undated = len(appearances) - len(dated)
    if not dated:
        return Timeline((), (), "", undated)
    first, last = min(start for _, start, _ in dated), max(end for _, _, end in dated)
    scale = (100 - 2 * _MARGIN) / (last - first) if last > first else 0.0

    def percent(time: float) -> float:
        return round(_MARGIN + (time - first) * scale, 3) if scale else 50.0

    cameras: dict[str, list[tuple[TimelineItem, float, float]]] = {}
    for one in dated:
        cameras.setdefault(one[0].camera or "unknown camera", []).append(one)
    rows = [_camera_row(camera, seen, percent) for camera, seen in cameras.items()]
    rows.sort(key=lambda row: row.sightings[0].percent)
    return Timeline(tuple(rows), _ticks(first, last, percent), _caption(first, last), undated)


def _camera_row(
    camera: str, dated: list[tuple[TimelineItem, float, float]], percent: Callable[[float], float]
) -> CameraRow:
    dated.sort(key=lambda one: one[1])
    sightings = tuple(
        Sighting(one.url, percent(start), f"{_span(start, end)}, {one.words}", one.is_query)
        for one, start, end in dated
    )
    visits: list[list[float]] = []
    for _, start, end in dated:
        low, high = percent(start), percent(end)
        if visits and low - visits[-1][1] <= 100 * _MAX_GAP:
            visits[-1][1] = max(visits[-1][1], high)
        else:
            visits.append([low, high])
    label = _span(dated[0][1], max(end for _, _, end in dated))
    return CameraRow(camera, sightings, tuple((low, high) for low, high in visits), label)


def _span(first: float, last: float) -> str:
    begin, end = format_timestamp(first), format_timestamp(last)
    return begin if begin == end else f"{begin} to {end}"


def _ticks(first: float, last: float, percent: Callable[[float], float]) -> tuple[tuple[float, str], ...]:
    """Ticks at round times within the span, at most about `_TICKS` so that they fit on a phone."""
    if last <= first:
        return ((50.0, _label(first, 1)),)
    min_step = (last - first) / _TICKS
    step = next((step for step in _STEPS if step >= min_step), None)
    if step is None:
        step = math.ceil(min_step / 86400) * 86400
    multiples = range(math.ceil(first / step), math.floor(last / step) + 1)
    return tuple((percent(multiple * step), _label(multiple * step, step)) for multiple in multiples)


def _label(time: float, step: float) -> str:
    date = date_of(time)
    if date is None:
        return f"{time:g} s"
    return date.strftime("%H:%M:%S" if step < 60 else "%H:%M" if step < 86400 else "%b %d")


def _caption(first: float, last: float) -> str:
    dates = [date_of(time) for time in (first, last)]
    begin, end = (date.strftime("%Y-%m-%d") if date else "" for date in dates)
    if not begin or not end:
        return "Seconds from an unknown origin."
    return f"{begin}, UTC." if begin == end else f"{begin} to {end}, UTC."
