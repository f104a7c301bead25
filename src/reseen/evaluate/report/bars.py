"""Bars of named things, such as crops of each camera, as inline SVG."""

from collections.abc import Mapping

from markupsafe import Markup

from reseen.evaluate.report.axes import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Chart, axis, drawing, grid
from reseen.evaluate.report.scale import short, ticks

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
