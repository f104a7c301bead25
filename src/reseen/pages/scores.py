"""Scores as cards: the figure after, the figure before, and the gain in points.

The run log as a table, for readers who want the numbers behind the curves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reseen.pages.axes import percent, short


@dataclass(frozen=True)
class Card:
    """One figure in percent; `before` and `gain` are None when there is nothing to compare to."""

    name: str
    meaning: str
    after: float
    before: float | None
    gain: float | None

    @property
    def gain_text(self) -> str:
        """The gain with its sign, in points."""
        if self.gain is None:
            return ""
        rounded = round(self.gain, 1)
        return f"{rounded:+.1f}".replace("-", "−") if rounded else "±0.0"


def cards(scores: Mapping[str, Mapping[str, Any]]) -> list[Card]:
    """mAP, rank-1, 5, 10 and mINP of the last score against the first."""
    if not scores:
        return []
    named = list(scores.values())
    after, before = named[-1], named[0] if len(named) > 1 else None
    figures = [("mAP", "mean average precision", ("mAP",))]
    figures += [
        (f"Rank-{k}", "right answer first" if k == "1" else f"right answer among the first {k}", ("cmc", k))
        for k in after["cmc"]
    ]
    figures.append(("mINP", "how early the hardest answer comes", ("mINP",)))
    return [_card(name, meaning, key, after, before) for name, meaning, key in figures]


def table(scores: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The same as rows of text: headings, then (name, figures in percent)."""
    if not scores:
        return [], []
    shown = cards(dict(list(scores.items())[-1:]))
    rows = [(name, [f"{card.after:.1f}" for card in cards({name: score})]) for name, score in scores.items()]
    return [card.name for card in shown], rows


def protocol(scores: Mapping[str, Mapping[str, Any]]) -> str:
    """One sentence on the rules the result was scored by."""
    if not scores:
        return ""
    score = list(scores.values())[-1]
    skipped = score["queries"] - score["valid_queries"]
    skip = f", {skipped:,} without an answer left skipped" if skipped else ""
    rule = score.get("rules", {}).get("average_precision", "step")
    return (
        f"Protocol {score['protocol']}: {score['valid_queries']:,} queries{skip}; "
        f"{score['gallery']:,} gallery images; average precision by the {rule} rule; "
        "a wrong answer wins a tie. Higher is better."
    )


def notes(scores: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What must be known of the result, such as unknown cameras."""
    return list(list(scores.values())[-1].get("notes", ())) if scores else []


def _card(
    name: str, meaning: str, key: tuple[str, ...], after: Mapping[str, Any], before: Mapping[str, Any] | None
) -> Card:
    now = 100 * _at(after, key)
    then = 100 * _at(before, key) if before else None
    return Card(name, meaning, now, then, None if then is None else now - then)


def _at(values: Mapping[str, Any], key: tuple[str, ...]) -> float:
    found: Any = values
    for part in key:
        found = found[part]
    return float(found)


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
