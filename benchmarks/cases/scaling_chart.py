"""A log-log drawing of processor time against the number of rows, as one SVG that stands by itself."""

import math
from collections.abc import Callable, Sequence
from typing import Any

_WIDTH, _HEIGHT = 760, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 250, 16, 44
_COLORS = ("#1f5fa8", "#c2571a", "#3d8b4f", "#7a4a9e")
_DASHES = ("none", "7 3", "2 3", "9 3 2 3")


def draw(record: dict[str, Any]) -> str:
    """Lines of all parts of a record of `hierarchy_scaling.py`, each named with its slope."""
    parts = {name: part for name, part in record["parts"].items() if part["runs"]}
    runs = [run for part in parts.values() for run in part["runs"]]
    x = _scale([run["rows"] for run in runs], _LEFT, _WIDTH - _RIGHT)
    y = _scale([run["processor_seconds"] for run in runs], _HEIGHT - _BOTTOM, _TOP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        'font-family="sans-serif" font-size="13">',
        "<title>Processor seconds against rows of hierarchical clustering, both logarithmic</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        *_grid(sorted({run["rows"] for run in runs}), [run["processor_seconds"] for run in runs], x, y),
    ]
    for place, (name, part) in enumerate(parts.items()):
        lines += _line(place, name, part, x, y)
    return "\n".join([*lines, "</svg>", ""])


def _scale(values: Sequence[float], start: float, stop: float) -> Callable[[float], float]:
    low, high = math.log(min(values)), math.log(max(values))
    return lambda value: round(start + (math.log(value) - low) / ((high - low) or 1) * (stop - start), 1)


def _grid(
    rows: Sequence[int], seconds: Sequence[float], x: Callable[[float], float], y: Callable[[float], float]
) -> list[str]:
    lines = []
    for power in range(math.ceil(math.log10(min(seconds))), math.floor(math.log10(max(seconds))) + 1):
        level = y(10.0**power)
        lines.append(f'<path d="M{_LEFT} {level}H{_WIDTH - _RIGHT}" stroke="#dddddd"/>')
        lines.append(f'<text x="{_LEFT - 8}" y="{level + 4}" text-anchor="end">{10.0**power:g} s</text>')
    for count in rows:
        lines.append(f'<path d="M{x(count)} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="#eeeeee"/>')
        lines.append(
            f'<text x="{x(count)}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{count // 1000}k</text>'
        )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    lines.append(
        f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">rows; seconds on one thread</text>'
    )
    return lines


def _line(
    place: int, name: str, part: dict[str, Any], x: Callable[[float], float], y: Callable[[float], float]
) -> list[str]:
    color, dash = _COLORS[place % len(_COLORS)], _DASHES[place % len(_DASHES)]
    points = [(x(run["rows"]), y(run["processor_seconds"])) for run in part["runs"]]
    path = "M" + "L".join(f"{across} {up}" for across, up in points)
    level = _TOP + 14 + 38 * place
    left = _WIDTH - _RIGHT + 16
    slope = "" if part["slope"] is None else f"slope {part['slope']:.2f}"
    stroke = f'stroke="{color}" stroke-width="2" stroke-dasharray="{dash}"'
    return [
        f'<path d="{path}" fill="none" {stroke}/>',
        *(f'<circle cx="{across}" cy="{up}" r="3" fill="{color}"/>' for across, up in points),
        f'<path d="M{left} {level - 4}h26" {stroke}/>',
        f'<text x="{left + 34}" y="{level}">{name}</text>',
        f'<text x="{left + 34}" y="{level + 16}" fill="#666666">{slope}</text>',
    ]
