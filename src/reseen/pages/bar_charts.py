"""Bars of named things, such as crops of each camera, as inline SVG.

Histograms as inline SVG: bars over round numbers, a long tail gathered in the last one.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64
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
    short,
    ticks,
)

_SIGNS = 44
"""Signs that fit below all bars together."""


def bars(title: str, counts: Mapping[str, int], things: str) -> Chart:
    """One bar for each name, in the order given.

    Names that would not fit below their bars are shortened to every so many; all are under the pointer.

    Args:
        title: what the names are of.
        counts: name to a whole number, none below 0.
        things: what is counted, such as `crops`.

    Raises:
        ValueError: there is no name, or a number is negative.
    """
    if not counts or min(counts.values()) < 0:
        raise ValueError(f"bars '{title}' need one or more counts from 0 on")
    names, most = list(counts), max(counts.values())
    levels = [level for level in ticks(0, most or 1) if level == int(level)]
    x, y = axis(0, len(names), LEFT, WIDTH - RIGHT), axis(levels[0], levels[-1], HEIGHT - BOTTOM, TOP)
    longest = max(len(name) for name in names) + 1
    every = -(-len(names) * longest // _SIGNS)
    parts = [grid(levels, y, short)]
    for place, (name, count) in enumerate(counts.items()):
        left, right = x(place), x(place + 1)
        label = (
            Markup('<text class="tick middle" x="{}" y="{}">{}</text>').format(
                x(place + 0.5), HEIGHT - 8, name
            )
            if place % every == 0 and longest <= _SIGNS
            else Markup("")
        )
        body = Markup("M{} {}V{}H{}V{}Z").format(
            round(left + 2, 1), y(0), y(count), round(max(right - 2, left + 3), 1), y(0)
        )
        parts.append(
            Markup(
                '<g class="column"><rect x="{}" y="{}" width="{}" height="{}"/>'
                '<path class="bin" d="{}"/><title>{}</title></g>{}'
            ).format(
                left,
                TOP,
                round(right - left, 1),
                HEIGHT - TOP - BOTTOM,
                body,
                f"{name}: {count:,} {things}",
                label,
            )
        )
    words = f"{short(min(counts.values()))} to {short(most)}" if len(names) > 1 else short(most)
    return Chart(title, words, drawing(f"{title}: {words} {things}", parts), [])


_BARS = 16
_REACH, _TAIL = 3.0, 1.5
"""Bars reach so many times as far as nine values of ten; a tail that goes on for so many times that is gathered."""


def histogram(title: str, values: Sequence[float], things: str, whole: bool = False) -> Chart:
    """Count values, none below 0, in bars of equal width.

    Args:
        title: what the values are.
        values: one or more numbers.
        things: what is counted, such as `clusters`.
        whole: the values are whole numbers.

    Raises:
        ValueError: there is no value, or one is negative or not finite.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if not len(numbers) or not np.isfinite(numbers).all() or numbers.min() < 0:
        raise ValueError(f"histogram '{title}' needs finite numbers from 0 on, and at least one")
    edges, gathered = _edges(numbers, whole)
    counts = np.histogram(np.minimum(numbers, edges[-1]), edges)[0]
    levels = [level for level in ticks(0, int(counts.max())) if level == int(level)]
    x, y = axis(0, len(counts), LEFT, WIDTH - RIGHT), axis(levels[0], levels[-1], HEIGHT - BOTTOM, TOP)
    names = [_name(edges, place, whole, gathered) for place in range(len(counts))]
    parts = [grid(levels, y, short), _marks(edges, x, whole)]
    parts += [
        _bar(int(count), f"{title.lower()} {name}: {count} {things}", x(place), x(place + 1), y)
        for place, (count, name) in enumerate(zip(counts.tolist(), names, strict=True))
    ]
    middle, largest = short(float(np.median(numbers))), short(float(numbers.max()))
    words = f"median {middle}, largest {largest}"
    return Chart(title, words, drawing(f"{title} of {len(numbers)} {things}: {words}", parts), [])


def _edges(numbers: Float64[np.ndarray, " n"], whole: bool) -> tuple[Float64[np.ndarray, " e"], bool]:
    """Where bars begin and end, from 0 on, or from 1 on for whole numbers of which every one has its bar."""
    high, reach = float(numbers.max()), _REACH * float(np.quantile(numbers, 0.9))
    gathered = high > _TAIL * reach > 0
    high = reach if gathered else high
    step = ticks(0, high or 1.0, _BARS)[1]
    if whole:
        step = max(1.0, step)
    start = 1.0 if whole and step == 1 and numbers.min() >= 1 else 0.0
    count = int(np.floor((high - start) / step + 1e-9)) + 1
    return start + step * np.arange(count + 1 + gathered), gathered


def _name(edges: Float64[np.ndarray, " e"], place: int, whole: bool, gathered: bool) -> str:
    low, high = edges[place], edges[place + 1]
    if gathered and place == len(edges) - 2:
        return f"{short(low)} or more"
    if not whole:
        return f"{short(low)} to {short(high)}"
    return short(low) if high - low == 1 else f"{short(low)} to {short(high - 1)}"


def _marks(edges: Float64[np.ndarray, " e"], x: Axis, whole: bool) -> Markup:
    """Numbers below every so many bars: under the bar of a whole number, else under its edge."""
    each = whole and edges[1] - edges[0] == 1
    every = -(-len(edges) // 6)
    return Markup("").join(
        Markup('<text class="tick middle" x="{}" y="{}">{}</text>').format(
            x(place + 0.5 if each else place), HEIGHT - 8, short(float(edges[place]))
        )
        for place in range(0, len(edges) - each, every)
    )


def _bar(count: int, words: str, left: float, right: float, y: Axis) -> Markup:
    """A bar, and an invisible strip over its whole column that shows the number under the pointer."""
    return Markup(
        '<g class="column"><rect x="{}" y="{}" width="{}" height="{}"/>'
        '<path class="bin" d="M{} {}V{}H{}V{}Z"/><title>{}</title></g>'
    ).format(
        left, TOP, round(right - left, 1), HEIGHT - TOP - BOTTOM,
        left + 1, y(0), y(count), max(right - 1, left + 2), y(0), words,
    )  # fmt: skip
