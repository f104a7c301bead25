"""The run log as a table, for readers who want the numbers behind the curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reseen.evaluate.report.scale import percent, short


@dataclass(frozen=True)
class LogTable:
    """Headings and rows of text; a number the log does not hold is a dash."""

    headings: list[str]
    rows: list[list[str]]


def log_table(rounds: Sequence[Mapping[str, Any]]) -> LogTable:
    """Every number of every round; nested ones such as `losses` get a column each."""
    flat = [_flatten(line, place) for place, line in enumerate(rounds)]
    headings = list(dict.fromkeys(name for line in flat for name in line))
    rows = [[line.get(name, "–") for name in headings] for line in flat]
    return LogTable(headings, rows)


def _flatten(line: Mapping[str, Any], place: int) -> dict[str, str]:
    cells = {"round": str(line.get("round", place))}
    for key, value in line.items():
        if key == "round":
            continue
        name = key.replace("_", " ")
        if isinstance(value, Mapping):
            pairs = ((f"{name}: {part}".replace("_", " "), number) for part, number in value.items())
            cells |= {title: short(number) for title, number in pairs if _is_number(number)}
        elif _is_number(value):
            share = key.endswith("_share")
            cells[name] = percent(value) if share else short(value)
    return cells


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
