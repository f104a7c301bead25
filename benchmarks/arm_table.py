"""Mean and spread over seeds of the arms of a protocol, as a table in the terminal or in Markdown."""

import json
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.protocols import Arm, Protocol
from rich.console import Console
from rich.table import Table

Record = dict[str, Any]

_COLUMNS: dict[str, tuple[float, Callable[[Record], Any]]] = {
    "mAP": (100, lambda record: record["score"]["mAP"]),
    "centered mAP": (100, lambda record: record["camera_centered"]["mAP"]),
    "mirrored mAP": (100, lambda record: record["mirrored"]["mAP"]),
    "both mAP": (100, lambda record: record["mirrored_centered"]["mAP"]),
    "both Rank-1": (100, lambda record: record["mirrored_centered"]["cmc"]["1"]),
    "Rank-1": (100, lambda record: record["score"]["cmc"]["1"]),
    "Rank-5": (100, lambda record: record["score"]["cmc"]["5"]),
    "mINP": (100, lambda record: record["score"]["mINP"]),
    "covered mAP": (100, lambda record: record["occluded"]["30% covered"]["mAP"]),
    "half mAP": (100, lambda record: record["occluded"]["upper half only"]["mAP"]),
    "student mAP": (100, lambda record: record["student"]["score"]["mAP"]),
    "global mAP": (100, lambda record: record["parts"]["global"]["mAP"]),
    "patch mAP": (100, lambda record: record["parts"]["patch"]["mAP"]),
    "covered global": (100, lambda record: record["parts"]["global"]["occluded"]["30% covered"]["mAP"]),
    "covered patch": (100, lambda record: record["parts"]["patch"]["occluded"]["30% covered"]["mAP"]),
    "clusters": (1, lambda record: record["clusters"]["clusters"]),
    "ARI": (100, lambda record: record["clusters"]["adjusted_rand_index"]),
    "purity": (100, lambda record: record["clusters"]["purity"]),
    "minutes": (1 / 60, lambda record: record["seconds"]["training"]),
}
"""Factor, and where a record has the value; a column without any value is left out. `centered`: less the mean of each
camera, as `evaluate` shows it; `mirrored`: features are means over a crop and its mirror image; `both` of them;
`covered`: with 30 % of the query covered; `half`: with its upper half alone; these two seed 0."""

_WIDTH = 240
"""Columns of characters that the table takes at least: a narrow terminal breaks lines, and no number is cut."""


def print_table(protocol: Protocol, arms: list[Arm], results: Path, markdown: bool = False) -> None:
    """Those of `arms` that have results."""
    rows: dict[str, list[str]] = {}
    for arm in arms:
        files = sorted(results.glob(f"{protocol.name}--{arm.name}--seed*.json"))
        if files:
            records = [json.loads(file.read_text()) for file in files]
            rows[arm.name] = [str(len(records)), *(cell(records, name) for name in _COLUMNS)]
    names = ["seeds", *_COLUMNS]
    kept = [place for place in range(len(names)) if any(cells[place] for cells in rows.values())]
    cells = {arm: [found[place] for place in kept] for arm, found in rows.items()}
    if markdown:
        lines = [["arm", *(names[place] for place in kept)], ["---"] * (len(kept) + 1)]
        lines += [[f"`{arm}`", *found] for arm, found in cells.items()]
        print("\n".join(f"| {' | '.join(line)} |" for line in lines))
        return
    table = Table(
        title=f"{protocol.name}: percent, mean ± standard deviation over seeds", title_justify="left"
    )
    for name in ("arm", *(names[place] for place in kept)):
        table.add_column(name, justify="left" if name == "arm" else "right", no_wrap=True)
    for arm, found in cells.items():
        table.add_row(arm, *found)
    Console(width=max(Console().width, _WIDTH)).print(table)


def cell(records: list[Record], name: str) -> str:
    """Mean and spread of a column; empty unless all records have it."""
    factor, of = _COLUMNS[name]
    try:
        values = [factor * of(record) for record in records]
    except (KeyError, TypeError):  # a run made before the column existed, or without such a part
        return ""
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")
