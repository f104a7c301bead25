"""What drawings have in common: size, maps of values to drawing units, lines across with their values.

Round numbers for axes, and numbers as people write them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 340, 190
LEFT, RIGHT, TOP, BOTTOM = 42, 8, 8, 28
"""Margins around what is drawn, in drawing units."""

Axis = Callable[[float], float]
"""From a value to a place in drawing units."""


@dataclass(frozen=True)
class Chart:
    """One chart of a page: its drawing, a few words beside the title, or a legend where it has several lines."""

    title: str
    words: str
    drawing: Markup
    legend: list[tuple[str, int]]


def axis(low: float, high: float, start: float, stop: float) -> Axis:
    """A map of values to drawing units; one value alone lies in the middle."""
    if high == low:
        return lambda _: (start + stop) / 2
    return lambda value: round(start + (value - low) / (high - low) * (stop - start), 1)


def grid(
    levels: Sequence[float], y: Axis, write: Callable[[float], str], right: float = WIDTH - RIGHT
) -> Markup:
    """A line across for each level, from the left margin to `right`, with its value at the left."""
    lines = [
        Markup(
            '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
            '<text class="tick end" x="{}" y="{}">{}</text>'
        ).format(LEFT, right, y(level), y(level), LEFT - 8, y(level) + 4, write(level))
        for level in levels
    ]
    return Markup("").join(lines)


def drawing(words: str, parts: Sequence[Markup]) -> Markup:
    """A chart of the usual size; `words` are read out by screen readers."""
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, words, Markup("").join(parts)
    )


_LEAST = 1e-290
"""A span that is taken for none."""


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About `count` round numbers that cover `low` to `high`, in steps of 1, 2 or 5 times a power of ten.

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
    digits = max(12, 3 - exponent)  # numbers may be rounding errors, and their levels still differ
    return [round(index * step, digits) for index in range(first, last + 1)]


def whole_ticks(low: int, high: int, count: int = 6) -> list[int]:
    """As `ticks`, for numbers of rounds: whole, and none outside `low` to `high`."""
    chosen = [int(tick) for tick in ticks(low, high, count) if tick == int(tick) and low <= tick <= high]
    return chosen or [low]


def short(value: float) -> str:
    """A number in few signs: 3.5e-04, 0.052, 1.25, 31.4, 730, 12,936; not a number is a dash."""
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
    """A share, 0 to 1, in percent with one digit where it says something: 20 %, 7.2 %."""
    return f"{100 * share:.1f}".removesuffix(".0") + " %"
