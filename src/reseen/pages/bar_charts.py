"""Bar charts and histograms as inline SVG."""

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

_LABEL_CHARACTERS = 44
"""Characters that fit below all bars together."""


def bars(title: str, counts: Mapping[str, int], things: str) -> Chart:
    """A bar chart with one bar per name, in the given order.

    If the names do not fit below the bars, only every n-th is shown; tooltips show all.

    Args:
        title: title of the chart.
        counts: name to count, 0 or more.
        things: unit of the counts, such as `crops`.

    Raises:
        ValueError: `counts` is empty, or a count is negative.
    """
    if not counts or min(counts.values()) < 0:
        raise ValueError(f"bar chart '{title}' needs at least one count, and none below 0")
    names, most = list(counts), max(counts.values())
    levels = [level for level in ticks(0, most or 1) if level == int(level)]
    x, y = axis(0, len(names), LEFT, WIDTH - RIGHT), axis(levels[0], levels[-1], HEIGHT - BOTTOM, TOP)
    longest = max(len(name) for name in names) + 1
    every = -(-len(names) * longest // _LABEL_CHARACTERS)
    parts = [grid(levels, y, short)]
    for index, (name, count) in enumerate(counts.items()):
        left, right = x(index), x(index + 1)
        label = (
            Markup('<text class="tick middle" x="{}" y="{}">{}</text>').format(
                x(index + 0.5), HEIGHT - 8, name
            )
            if index % every == 0 and longest <= _LABEL_CHARACTERS
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
"""Bars cover up to `_REACH` times the 90 % quantile, if the maximum exceeds `_TAIL` times that; the last bar then
holds all larger values."""


def histogram(title: str, values: Sequence[float], things: str, whole: bool = False) -> Chart:
    """A histogram with bars of equal width; a long tail is collected in the last bar.

    Args:
        title: title of the chart, which names the values.
        values: at least one number, 0 or more.
        things: unit of the counts, such as `clusters`.
        whole: whether the values are integers.

    Raises:
        ValueError: `values` is empty, or a value is negative or not finite.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if not len(numbers) or not np.isfinite(numbers).all() or numbers.min() < 0:
        raise ValueError(f"histogram '{title}' needs finite numbers, at least one and none below 0")
    edges, has_tail = _edges(numbers, whole)
    counts = np.histogram(np.minimum(numbers, edges[-1]), edges)[0]
    levels = [level for level in ticks(0, int(counts.max())) if level == int(level)]
    x, y = axis(0, len(counts), LEFT, WIDTH - RIGHT), axis(levels[0], levels[-1], HEIGHT - BOTTOM, TOP)
    names = [_name(edges, index, whole, has_tail) for index in range(len(counts))]
    parts = [grid(levels, y, short), _marks(edges, x, whole)]
    parts += [
        _bar(int(count), f"{title.lower()} {name}: {count} {things}", x(index), x(index + 1), y)
        for index, (count, name) in enumerate(zip(counts.tolist(), names, strict=True))
    ]
    middle, largest = short(float(np.median(numbers))), short(float(numbers.max()))
    words = f"median {middle}, largest {largest}"
    return Chart(title, words, drawing(f"{title} of {len(numbers)} {things}: {words}", parts), [])


def _edges(numbers: Float64[np.ndarray, " n"], whole: bool) -> tuple[Float64[np.ndarray, " e"], bool]:
    """Bin edges, and whether the last bin collects a tail; they start at 0, or at 1 for integers with a bar each."""
    high, reach = float(numbers.max()), _REACH * float(np.quantile(numbers, 0.9))
    has_tail = high > _TAIL * reach > 0
    high = reach if has_tail else high
    step = ticks(0, high or 1.0, _BARS)[1]
    if whole:
        step = max(1.0, step)
    start = 1.0 if whole and step == 1 and numbers.min() >= 1 else 0.0
    count = int(np.floor((high - start) / step + 1e-9)) + 1
    return start + step * np.arange(count + 1 + has_tail), has_tail


def _name(edges: Float64[np.ndarray, " e"], index: int, whole: bool, has_tail: bool) -> str:
    low, high = edges[index], edges[index + 1]
    if has_tail and index == len(edges) - 2:
        return f"{short(low)} or more"
    if not whole:
        return f"{short(low)} to {short(high)}"
    return short(low) if high - low == 1 else f"{short(low)} to {short(high - 1)}"


def _marks(edges: Float64[np.ndarray, " e"], x: Axis, whole: bool) -> Markup:
    """Tick labels below every n-th bar: centered for integers with a bar each, else at the edge."""
    centered = whole and edges[1] - edges[0] == 1
    every = -(-len(edges) // 6)
    return Markup("").join(
        Markup('<text class="tick middle" x="{}" y="{}">{}</text>').format(
            x(index + 0.5 if centered else index), HEIGHT - 8, short(float(edges[index]))
        )
        for index in range(0, len(edges) - centered, every)
    )


def _bar(count: int, words: str, left: float, right: float, y: Axis) -> Markup:
    """A bar, and an invisible strip over its whole column with the tooltip."""
    return Markup(
        '<g class="column"><rect x="{}" y="{}" width="{}" height="{}"/>'
        '<path class="bin" d="M{} {}V{}H{}V{}Z"/><title>{}</title></g>'
    ).format(
        left, TOP, round(right - left, 1), HEIGHT - TOP - BOTTOM,
        left + 1, y(0), y(count), max(right - 1, left + 2), y(0), words,
    )  # fmt: skip
