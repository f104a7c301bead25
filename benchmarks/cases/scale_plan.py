"""What was measured of clustering at scale, and what that makes for more vectors, as tables for a page."""

from pathlib import Path
from typing import Any

PLANNED = 100_000_000
MACHINES, CORES = 16, 64
EXPECTED = {
    "search": 1.5,
    "jaccard": 1.0,
    "dbscan": 1.0,
    "hierarchy": 1.16,
    "measuring": 1.0,
    "vectors": 1.0,
    "writing": 1.0,
}
"""Exponents that the algorithms have; that of merging is the slope of benchmarks/hierarchy_scaling.py."""
SHARED = ("vectors", "search", "measuring", "writing")
"""Stages whose rows do not look at each other: they can be given to several machines by row."""


def measured(record: dict[str, Any]) -> str:
    """Markdown, a line for every run."""
    lines = [
        f"`{record['command']}`, {record['hardware']['threads']} threads, budget {record['memory']}:",
        "",
    ]
    for name, way in record["ways"].items():
        stages = list(way["runs"][0]["stages"])
        heads = [name, *stages, "whole", "of its own", "Rand index", "recall"]
        lines += [_row(heads), "|---" * len(heads) + "|"]
        lines += [_row(_run(run, stages)) for run in way["runs"]]
        if way["slopes"]:
            lines.append(
                _row(["slope", *(f"{way['slopes'][stage]:.2f}" for stage in stages), "", "", "", ""])
            )
        lines.append("")
    return "\n".join(lines)


def plan(record: dict[str, Any]) -> str:
    """Markdown: seconds of each stage at the largest size that was measured, and what they become."""
    heads = [
        "stage",
        "exponent",
        "slope measured",
        "measured",
        f"{PLANNED:,} on one such machine",
        f"on {MACHINES} machines of {CORES} cores",
    ]
    lines = [_row(heads), "|---" * len(heads) + "|"]
    threads, seen = record["hardware"]["threads"], set()
    for way in record["ways"].values():
        last = way["runs"][-1]
        for stage, took in last["stages"].items():
            if stage in seen:
                continue
            seen.add(stage)
            slope = way["slopes"].get(stage)
            exponent = max(EXPECTED[stage], slope or 0)
            alone = took["seconds"] * (PLANNED / last["rows"]) ** exponent
            spread = alone * threads / CORES / (MACHINES if stage in SHARED else 1)
            lines.append(
                _row(
                    [
                        stage,
                        f"{EXPECTED[stage]:g}",
                        "" if slope is None else f"{slope:.2f}",
                        f"{took['seconds']:.0f} s at {last['rows']:,}",
                        _hours(alone),
                        _hours(spread) + ("" if stage in SHARED else ", one of them"),
                    ]
                )
            )
    return "\n".join([*lines, ""])


def fill(page: Path, name: str, text: str) -> None:
    """Put text between the two marks of this name on a page."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{page} lacks {begin} or {end}")
    page.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}", encoding="utf-8")


def _run(run: dict[str, Any], stages: list[str]) -> list[str]:
    recall = run["recall_of_other_neighbors"]
    cells = [
        f"{run['stages'][stage]['seconds']:.0f} s, {run['stages'][stage]['peak_bytes'] / 1e9:.2f} GB"
        for stage in stages
    ]
    return [
        f"{run['rows']:,}",
        *cells,
        f"{run['seconds']:.0f} s",
        f"{run['most_anonymous_bytes'] / 1e9:.2f} GB",
        f"{run['adjusted_rand_index']:.3f}",
        "exact" if recall is None else f"{recall:.3f}",
    ]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h" if seconds >= 3600 else f"{seconds:,.0f} s"
