"""Line charts as inline SVG: axes, grid, one line per series, and tooltips with the values of a round.

Colors are CSS classes, so that the style sheet adapts them to light and dark mode; lines also differ by dashes.
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
"""Numbers from this magnitude, and values that are not numbers, are not drawn."""
_SIZES = ("smallest", "median_size", "largest")


@dataclass(frozen=True)
class Series:
    """One line: a value per round, None where the log has none."""

    name: str
    values: Sequence[float | None]


def charts(rounds: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """Charts of the values in a run log: losses, clusters, noise, cluster sizes, feature spread, speed, time."""
    if not rounds:
        return []
    numbers = [int(line.get("round", index)) for index, line in enumerate(rounds)]
    available = [
        _chart("Loss", numbers, _nested(rounds, "losses"), short),
        _chart("Clusters", numbers, [_flat(rounds, "clusters")], short),
        _chart("Images in no cluster", numbers, [_flat(rounds, "noise_share")], percent),
        _chart("Cluster sizes", numbers, [_flat(rounds, key) for key in _SIZES], short),
        _chart("Spread of features", numbers, [_flat(rounds, "feature_spread")], short),
        _chart("Images per second", numbers, [_flat(rounds, "images_per_second")], short),
        _chart("Seconds per round", numbers, [_flat(rounds, "seconds")], short),
    ]
    return [chart for chart in available if chart]


def _flat(rounds: Sequence[Mapping[str, Any]], key: str) -> Series:
    return Series(key.removesuffix("_size").replace("_", " "), [_number(line.get(key)) for line in rounds])


def _nested(rounds: Sequence[Mapping[str, Any]], key: str) -> list[Series]:
    values = (line.get(key) for line in rounds)
    tables = [value if isinstance(value, Mapping) else {} for value in values]
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
    kept = [line for line in series if any(value is not None for value in line.values)]
    if not kept:
        return None
    last = next((value for value in reversed(kept[0].values) if value is not None), None)
    legend = [(line.name, index % _STYLES) for index, line in enumerate(kept)] if len(kept) > 1 else []
    words = f"{write(last)} at the end" if last is not None and not legend else ""
    return Chart(title, words, line_chart(title, rounds, kept, write), legend)


def line_chart(
    title: str,
    rounds: Sequence[int],
    series: Sequence[Series],
    write: Callable[[float], str] = short,
    name: str = "round",
) -> Markup:
    """A line chart of series over rounds as SVG.

    Args:
        title: title of the chart, also for screen readers.
        rounds: round numbers, ascending.
        series: one or more lines with at least one number in total.
        write: formats the values of axis and tooltips.
        name: name of the x-axis unit.

    Raises:
        ValueError: no series holds a number, or lengths differ.
    """
    values = [value for line in series for value in line.values if value is not None]
    if not values or any(len(line.values) != len(rounds) for line in series):
        raise ValueError(
            f"chart '{title}' needs a number, and one value or None for each of {len(rounds)} rounds"
        )
    levels = ticks(min(0.0, *values), max(values))
    x, y = (
        axis(rounds[0], rounds[-1], LEFT, WIDTH - RIGHT),
        axis(levels[0], levels[-1], HEIGHT - BOTTOM, TOP),
    )
    parts = [grid(levels, y, write), _marks(rounds, x, name)]
    parts += [_line(line, index % _STYLES, rounds, x, y) for index, line in enumerate(series)]
    parts += [_tooltip_column(index, rounds, series, x, write, name) for index in range(len(rounds))]
    first, last = rounds[0], rounds[-1]
    label = f"{title}, {name}s {first} to {last}: " + "; ".join(_ends(line, write) for line in series)
    return drawing(label, parts)


def _marks(rounds: Sequence[int], x: Axis, name: str) -> Markup:
    marks = whole_ticks(rounds[0], rounds[-1])
    return Markup("").join(
        Markup('<text class="tick middle" x="{}" y="{}">{}{:,}</text>').format(
            x(mark), HEIGHT - 8, f"{name} " if index == 0 else "", mark
        )
        for index, mark in enumerate(marks)
    )


def _line(
    series: Series,
    style: int,
    rounds: Sequence[int],
    x: Axis,
    y: Axis,
) -> Markup:
    """A path with gaps at missing values, and dots for up to 25 rounds."""
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


def _tooltip_column(
    index: int,
    rounds: Sequence[int],
    series: Sequence[Series],
    x: Axis,
    write: Callable[[float], str],
    unit: str,
) -> Markup:
    """An invisible strip over one round that shows a guide line and the values on hover."""
    left = (x(rounds[index - 1]) + x(rounds[index])) / 2 if index else LEFT
    right = (x(rounds[index]) + x(rounds[index + 1])) / 2 if index + 1 < len(rounds) else WIDTH - RIGHT
    values = [(line.name, line.values[index]) for line in series]
    tooltip = "\n".join(f"{name}: {write(value)}" for name, value in values if value is not None)
    center = x(rounds[index])
    return Markup(
        '<g class="column"><rect x="{}" y="{}" width="{}" height="{}"/>'
        '<line x1="{}" x2="{}" y1="{}" y2="{}"/><title>{}</title></g>'
    ).format(
        round(left, 1), TOP, round(right - left, 1), HEIGHT - TOP - BOTTOM,
        center, center, TOP, HEIGHT - BOTTOM, f"{unit} {rounds[index]:,}\n{tooltip}",
    )  # fmt: skip


def _ends(series: Series, write: Callable[[float], str]) -> str:
    known = [value for value in series.values if value is not None]
    return f"{series.name} {write(known[0])} to {write(known[-1])}" if known else series.name
