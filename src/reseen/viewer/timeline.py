"""Where somebody was seen and when: one row per camera, sightings along time."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reseen.gallery.filter import date_of, format_timestamp
from reseen.gallery.gallery import Match

_JOINED = 0.03
"""Sightings of one camera nearer than this share of the whole belong to one visit."""
_EDGE = 2.0
"""Percent of the width that is left free on either side."""
_TICKS = 4
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True)
class Sighting:
    """One crop on the line."""

    key: str
    percent: float
    """Of the width."""
    words: str
    is_query: bool


@dataclass(frozen=True)
class Row:
    """One camera."""

    camera: str
    sightings: tuple[Sighting, ...]
    visits: tuple[tuple[float, float], ...]
    """First and last percent of sightings that belong together."""
    words: str
    """First and last time."""


@dataclass(frozen=True)
class Timeline:
    """What the page draws."""

    rows: tuple[Row, ...]
    """By first sighting."""
    ticks: tuple[tuple[float, str], ...]
    """Percent and label."""
    caption: str
    """The date or dates, in words."""
    undated: int
    """Crops without a time, which are not drawn."""


def timeline(matches: Sequence[Match], query: Match | None = None) -> Timeline:
    """Sightings of matches, and of the crop itself that was searched for."""
    own = [query] if query is not None else []
    everything = [*own, *matches]
    dated = [
        (match, match.entry.time)
        for match in everything
        if match.entry.time is not None and math.isfinite(match.entry.time)
    ]
    undated = len(everything) - len(dated)
    if not dated:
        return Timeline((), (), "", undated)
    times = [time for _, time in dated]
    first, last = min(times), max(times)
    scale = (100 - 2 * _EDGE) / (last - first) if last > first else 0.0

    def percent(time: float) -> float:
        return round(_EDGE + (time - first) * scale, 3) if scale else 50.0

    cameras: dict[str, list[tuple[float, Match]]] = {}
    for match, time in dated:
        cameras.setdefault(match.entry.camera or "unknown camera", []).append((time, match))
    rows = [_row(camera, seen, percent, query) for camera, seen in cameras.items()]
    rows.sort(key=lambda row: row.sightings[0].percent)
    return Timeline(tuple(rows), _ticks(first, last, percent), _caption(first, last), undated)


def _row(
    camera: str, seen: list[tuple[float, Match]], percent: Callable[[float], float], query: Match | None
) -> Row:
    seen.sort(key=lambda pair: pair[0])
    sightings = tuple(
        Sighting(
            match.entry.key,
            percent(time),
            f"{format_timestamp(time)}, "
            + ("the crop searched for" if match is query else f"similarity {match.similarity:.3f}"),
            match is query,
        )
        for time, match in seen
    )
    visits: list[list[float]] = []
    for sighting in sightings:
        if visits and sighting.percent - visits[-1][1] <= 100 * _JOINED:
            visits[-1][1] = sighting.percent
        else:
            visits.append([sighting.percent, sighting.percent])
    begin, end = format_timestamp(seen[0][0]), format_timestamp(seen[-1][0])
    words = begin if begin == end else f"{begin} to {end}"
    return Row(camera, sightings, tuple((low, high) for low, high in visits), words)


def _ticks(first: float, last: float, percent: Callable[[float], float]) -> tuple[tuple[float, str], ...]:
    """Round times inside the span, few enough for a phone."""
    if last <= first:
        return ((50.0, _label(first, 1)),)
    wanted = (last - first) / _TICKS
    step = next((step for step in _STEPS if step >= wanted), None)
    if step is None:
        step = math.ceil(wanted / 86400) * 86400
    marks = range(math.ceil(first / step), math.floor(last / step) + 1)
    return tuple((percent(mark * step), _label(mark * step, step)) for mark in marks)


def _label(time: float, step: float) -> str:
    moment = date_of(time)
    if moment is None:
        return f"{time:g} s"
    return moment.strftime("%H:%M:%S" if step < 60 else "%H:%M" if step < 86400 else "%b %d")


def _caption(first: float, last: float) -> str:
    dates = [date_of(time) for time in (first, last)]
    begin, end = (date.strftime("%Y-%m-%d") if date else "" for date in dates)
    if not begin or not end:
        return "Seconds from an origin of the crops' own."
    return f"{begin}, UTC." if begin == end else f"{begin} to {end}, UTC."
