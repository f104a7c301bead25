"""Line charts as inline SVG: axes, grid, a line for each series, a round's numbers under the pointer.

Colors are classes, so that the page's style sheet turns them for light and dark; lines differ by dashes too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from reseen.pages.axes import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    Chart,
    axis,
    drawing,
    grid,
    percent,
    short,
    ticks,
    whole_ticks,
)

_STYLES = 4
_MOST = 1e300
"""Numbers from here on are not drawn; nor is what is no number."""
_SIZES = ("smallest", "median_size", "largest")


@dataclass(frozen=True)
class Series:
    """One line: a number for each round, None where the log has none."""

    name: str
    values: Sequence[float | None]


def charts(rounds: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """The charts a run log has numbers for: losses, clusters, noise, cluster sizes, speed, time."""
    if not rounds:
        return []
    numbers = [int(line.get("round", place)) for place, line in enumerate(rounds)]
    found = [
        _chart("Loss", numbers, _nested(rounds, "losses"), short),
        _chart("Clusters", numbers, [_flat(rounds, "clusters")], short),
        _chart("Images in no cluster", numbers, [_flat(rounds, "noise_share")], percent),
        _chart("Cluster sizes", numbers, [_flat(rounds, key) for key in _SIZES], short),
        _chart("Spread of features", numbers, [_flat(rounds, "feature_spread")], short),
        _chart("Images per second", numbers, [_flat(rounds, "images_per_second")], short),
        _chart("Seconds per round", numbers, [_flat(rounds, "seconds")], short),
    ]
    return [chart for chart in found if chart]


def _flat(rounds: Sequence[Mapping[str, Any]], key: str) -> Series:
    return Series(key.removesuffix("_size").replace("_", " "), [_number(line.get(key)) for line in rounds])


def _nested(rounds: Sequence[Mapping[str, Any]], key: str) -> list[Series]:
    found = (line.get(key) for line in rounds)
    tables = [table if isinstance(table, Mapping) else {} for table in found]
    names = dict.fromkeys(name for table in tables for name in table)
    return [
        Series(str(name).replace("_", " "), [_number(table.get(name)) for table in tables]) for name in names
    ]


def _number(value: Any) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MOST
    return float(value) if usable else None


def _chart(
    title: str, rounds: Sequence[int], series: Sequence[Series], write: Callable[[float], str]
) -> Chart | None:
    kept = [one for one in series if any(value is not None for value in one.values)]
    if not kept:
        return None
    last = next((value for value in reversed(kept[0].values) if value is not None), None)
    legend = [(one.name, place % _STYLES) for place, one in enumerate(kept)] if len(kept) > 1 else []
    words = f"{write(last)} at the end" if last is not None and not legend else ""
    return Chart(title, words, line_chart(title, rounds, kept, write), legend)


def line_chart(
    title: str,
    rounds: Sequence[int],
    series: Sequence[Series],
    write: Callable[[float], str] = short,
    name: str = "round",
) -> Markup:
    """Draw series over rounds.

    Args:
        title: what the chart shows, read out by screen readers.
        rounds: round numbers, ascending.
        series: one or more lines with at least one number in all.
        write: how a value is written at the axis and under the pointer.
        name: what is counted along the axis.

    Raises:
        ValueError: no series holds a number, or lengths differ.
    """
    values = [value for one in series for value in one.values if value is not None]
    if not values or any(len(one.values) != len(rounds) for one in series):
        raise ValueError(
            f"chart '{title}' needs a number, and one value or None for each of {len(rounds)} rounds"
        )
    levels = ticks(min(0.0, *values), max(values))
    x, y = (
        axis(rounds[0], rounds[-1], LEFT, WIDTH - RIGHT),
        axis(levels[0], levels[-1], HEIGHT - BOTTOM, TOP),
    )
    parts = [grid(levels, y, write), _marks(rounds, x, name)]
    parts += [_line(one, place % _STYLES, rounds, x, y) for place, one in enumerate(series)]
    parts += [_pointer_column(place, rounds, series, x, write, name) for place in range(len(rounds))]
    first, last = rounds[0], rounds[-1]
    words = f"{title}, {name}s {first} to {last}: " + "; ".join(_ends(one, write) for one in series)
    return drawing(words, parts)


def _marks(rounds: Sequence[int], x: Axis, name: str) -> Markup:
    marks = whole_ticks(rounds[0], rounds[-1])
    return Markup("").join(
        Markup('<text class="tick middle" x="{}" y="{}">{}{:,}</text>').format(
            x(mark), HEIGHT - 8, f"{name} " if place == 0 else "", mark
        )
        for place, mark in enumerate(marks)
    )


def _line(
    series: Series,
    style: int,
    rounds: Sequence[int],
    x: Axis,
    y: Axis,
) -> Markup:
    """A path that breaks where a value is missing, and dots while they are few enough to tell apart."""
    steps, pen_down, dots = [], False, []
    for number, value in zip(rounds, series.values, strict=True):
        if value is None:
            pen_down = False
            continue
        steps.append(f"{'L' if pen_down else 'M'}{x(number)} {y(value)}")
        dots.append(
            Markup('<circle class="dot s{}" cx="{}" cy="{}" r="2.6"/>').format(style, x(number), y(value))
        )
        pen_down = True
    path = Markup('<path class="line s{}" d="{}"/>').format(style, "".join(steps))
    return path + Markup("").join(dots if len(rounds) <= 25 else dots[-1:])


def _pointer_column(
    place: int,
    rounds: Sequence[int],
    series: Sequence[Series],
    x: Axis,
    write: Callable[[float], str],
    word: str,
) -> Markup:
    """An invisible strip over one round; the pointer on it shows a guide line and the numbers."""
    left = (x(rounds[place - 1]) + x(rounds[place])) / 2 if place else LEFT
    right = (x(rounds[place]) + x(rounds[place + 1])) / 2 if place + 1 < len(rounds) else WIDTH - RIGHT
    shown = [(one.name, one.values[place]) for one in series]
    words = "\n".join(f"{name}: {write(value)}" for name, value in shown if value is not None)
    center = x(rounds[place])
    return Markup(
        '<g class="column"><rect x="{}" y="{}" width="{}" height="{}"/>'
        '<line x1="{}" x2="{}" y1="{}" y2="{}"/><title>{}</title></g>'
    ).format(
        round(left, 1), TOP, round(right - left, 1), HEIGHT - TOP - BOTTOM,
        center, center, TOP, HEIGHT - BOTTOM, f"{word} {rounds[place]:,}\n{words}",
    )  # fmt: skip


def _ends(series: Series, write: Callable[[float], str]) -> str:
    known = [value for value in series.values if value is not None]
    return f"{series.name} {write(known[0])} to {write(known[-1])}" if known else series.name
