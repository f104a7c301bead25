"""Shared parts of the charts: size, scales, grid lines, tick values, and number formats."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 340, 190
LEFT, RIGHT, TOP, BOTTOM = 42, 8, 8, 28
"""Margins of the plot area, in drawing units."""

Axis = Callable[[float], float]
"""A scale: maps a value to a coordinate in drawing units."""


@dataclass(frozen=True)
class Chart:
    """One chart of a page."""

    title: str
    words: str
    """A short summary next to the title; empty if there is a legend."""
    drawing: Markup
    """The SVG."""
    legend: list[tuple[str, int]]
    """Name and style of each line; empty for a single line."""


def axis(low: float, high: float, start: float, stop: float) -> Axis:
    """A linear scale from `low`..`high` to `start`..`stop`; the middle if `low` equals `high`."""
    if high == low:
        return lambda _: (start + stop) / 2
    return lambda value: round(start + (value - low) / (high - low) * (stop - start), 1)


def grid(
    levels: Sequence[float], y: Axis, write: Callable[[float], str], right: float = WIDTH - RIGHT
) -> Markup:
    """A horizontal grid line per level, from the left margin to `right`, with its value on the left."""
    lines = [
        Markup(
            '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
            '<text class="tick end" x="{}" y="{}">{}</text>'
        ).format(LEFT, right, y(level), y(level), LEFT - 8, y(level) + 4, write(level))
        for level in levels
    ]
    return Markup("").join(lines)


def drawing(words: str, parts: Sequence[Markup]) -> Markup:
    """An SVG of the standard size; `words` is the label for screen readers."""
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, words, Markup("").join(parts)
    )


_LEAST = 1e-290
"""Ranges up to this count as empty."""


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About `count` tick values that cover `low` to `high`, in steps of 1, 2 or 5 times a power of ten.

    Raises:
        ValueError: an end is not finite.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"an axis needs finite ends, got {low} to {high}")
    if high - low <= _LEAST:
        high = low + (abs(low) if abs(low) > _LEAST else 1.0)
    rough = high / count - low / count
    exponent = math.floor(math.log10(rough))
    power = 10.0**exponent
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = max(12, 3 - exponent)  # tick values must differ even for tiny ranges
    return [round(index * step, digits) for index in range(first, last + 1)]


def whole_ticks(low: int, high: int, count: int = 6) -> list[int]:
    """Integer tick values within `low` to `high`, such as round numbers; see `ticks`."""
    inside = [int(tick) for tick in ticks(low, high, count) if tick == int(tick) and low <= tick <= high]
    return inside or [low]


def short(value: float) -> str:
    """A number in few characters: 3.5e-04, 0.052, 1.25, 31.4, 730, 12,936; a dash if not finite."""
    size = abs(value)
    if not math.isfinite(value):
        return "–"
    if 0 < size < 0.01:
        return f"{value:.1e}"
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    digits = 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")


def percent(share: float) -> str:
    """A share, 0 to 1, in percent with at most one decimal: 20 %, 7.2 %."""
    return f"{100 * share:.1f}".removesuffix(".0") + " %"
