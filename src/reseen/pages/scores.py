"""Scores as cards and table rows, and the run log as a table, for the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reseen.pages.axes import percent, short


@dataclass(frozen=True)
class Card:
    """One metric, in percent, compared with the first score if there are two."""

    name: str
    meaning: str
    after: float
    before: float | None
    """None if there is only one score."""
    gain: float | None
    """`after` minus `before`, in points."""

    @property
    def gain_text(self) -> str:
        """The gain with its sign, in points; empty without one."""
        if self.gain is None:
            return ""
        rounded = round(self.gain, 1)
        return f"{rounded:+.1f}".replace("-", "−") if rounded else "±0.0"


def cards(scores: Mapping[str, Mapping[str, Any]]) -> list[Card]:
    """Cards of mAP, CMC and mINP of the last score, compared with the first."""
    if not scores:
        return []
    named = list(scores.values())
    after, before = named[-1], named[0] if len(named) > 1 else None
    figures = [("mAP", "mean average precision", ("mAP",))]
    figures += [
        (f"Rank-{k}", "correct first result" if k == "1" else f"correct match in the top {k}", ("cmc", k))
        for k in after["cmc"]
    ]
    figures.append(("mINP", "mean inverse negative penalty", ("mINP",)))
    return [_card(name, meaning, key, after, before) for name, meaning, key in figures]


def table(scores: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The scores as text: headings, and rows of a name and values in percent."""
    if not scores:
        return [], []
    shown = cards(dict(list(scores.items())[-1:]))
    rows = [(name, [f"{card.after:.1f}" for card in cards({name: score})]) for name, score in scores.items()]
    return [card.name for card in shown], rows


def protocol(scores: Mapping[str, Mapping[str, Any]]) -> str:
    """A sentence on the protocol of the last score; empty without scores."""
    if not scores:
        return ""
    score = list(scores.values())[-1]
    skipped = score["queries"] - score["valid_queries"]
    skip = f", {skipped:,} without a match skipped" if skipped else ""
    rule = score.get("rules", {}).get("average_precision", "step")
    return (
        f"Protocol {score['protocol']}: {score['valid_queries']:,} queries{skip}; "
        f"{score['gallery']:,} gallery images; average precision by the {rule} rule; "
        "ties are broken pessimistically. Higher is better."
    )


def notes(scores: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Caveats of the last score, such as unknown cameras."""
    return list(list(scores.values())[-1].get("notes", ())) if scores else []


def _card(
    name: str, meaning: str, key: tuple[str, ...], after: Mapping[str, Any], before: Mapping[str, Any] | None
) -> Card:
    current = 100 * _get(after, key)
    previous = 100 * _get(before, key) if before else None
    return Card(name, meaning, current, previous, None if previous is None else current - previous)


def _get(values: Mapping[str, Any], key: tuple[str, ...]) -> float:
    value: Any = values
    for part in key:
        value = value[part]
    return float(value)


@dataclass(frozen=True)
class LogTable:
    """The run log as headings and rows of text; missing numbers are dashes."""

    headings: list[str]
    rows: list[list[str]]


def log_table(rounds: Sequence[Mapping[str, Any]]) -> LogTable:
    """A table of all numbers of all rounds; nested ones, such as `losses`, have one column each."""
    flat = [_flatten(line, index) for index, line in enumerate(rounds)]
    headings = list(dict.fromkeys(name for line in flat for name in line))
    rows = [[line.get(name, "–") for name in headings] for line in flat]
    return LogTable(headings, rows)


def _flatten(line: Mapping[str, Any], index: int) -> dict[str, str]:
    cells = {"round": str(line.get("round", index))}
    for key, value in line.items():
        if key == "round":
            continue
        name = key.replace("_", " ")
        if isinstance(value, Mapping):
            pairs = ((f"{name}: {part}".replace("_", " "), number) for part, number in value.items())
            cells |= {title: short(number) for title, number in pairs if _is_number(number)}
        elif _is_number(value):
            is_share = key.endswith("_share")
            cells[name] = percent(value) if is_share else short(value)
    return cells


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
