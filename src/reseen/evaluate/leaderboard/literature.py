"""Published figures, read from literature.csv. None of them was measured by this project."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Status = Literal["", "leaked", "doubtful"]


@dataclass(frozen=True)
class Published:
    """The published figures of one method on one data set, in percent; None where not reported."""

    dataset: str
    method: str
    year: str
    setting: str
    """`unsupervised`, `adapted from other labels`, `untrained` or `supervised`."""
    cameras: str
    """Where the method uses camera labels."""
    backbone: str
    mean_average_precision: float | None
    rank_1: float | None
    rank_5: float | None
    rank_10: float | None
    status: Status
    """`leaked`: labels were used in training; `doubtful`: the public code has a bug whose effect is unknown."""
    corrected: tuple[float | None, float | None]
    """mAP and rank-1 after the authors' correction."""
    note: str
    source: str
    """Where the figure was read."""

    @property
    def sort_key(self) -> float:
        """The value to sort by: mAP, or else rank-1, corrected where labels leaked."""
        figures = self.corrected if self.status == "leaked" else (self.mean_average_precision, self.rank_1)
        return next((figure for figure in figures if figure is not None), 0.0)


_SETTINGS = ("unsupervised", "adapted from other labels", "untrained", "supervised")


@cache
def published() -> tuple[Published, ...]:
    """All published figures: by data set in the order of the table, then by setting, best first."""
    with Path(__file__).with_name("literature.csv").open(encoding="utf-8", newline="") as file:
        rows = [_row(values) for values in csv.DictReader(file)]
    datasets = list(dict.fromkeys(row.dataset for row in rows))
    return tuple(
        sorted(
            rows,
            key=lambda row: (datasets.index(row.dataset), _SETTINGS.index(row.setting), -row.sort_key),
        )
    )


def _row(values: dict[str, str]) -> Published:
    status = values["status"]
    if status not in ("", "leaked", "doubtful"):
        raise ValueError(f"literature.csv: no status '{status}'")
    return Published(
        dataset=values["dataset"],
        method=values["method"],
        year=values["year"],
        setting=values["setting"],
        cameras=values["cameras"],
        backbone=values["backbone"],
        mean_average_precision=_number(values["mAP"]),
        rank_1=_number(values["rank_1"]),
        rank_5=_number(values["rank_5"]),
        rank_10=_number(values["rank_10"]),
        status=status,
        corrected=(_number(values["corrected_mAP"]), _number(values["corrected_rank_1"])),
        note=values["note"],
        source=values["source"],
    )


def _number(text: str) -> float | None:
    return float(text) if text else None
