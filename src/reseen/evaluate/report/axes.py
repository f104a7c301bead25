"""What drawings have in common: size, maps of values to drawing units, lines across with their values."""

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
