"""What a reader finds on disk, before it is sorted and numbered: names of cameras, tracklets, people."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from reseen.data.evaluation_table import EvaluationTable
from reseen.data.readers.columns import number, number_tracklets
from reseen.data.table import ImageTable

JUNK = -1
"""The identity of crops that show nobody in particular; dropped before evaluation."""

DISTRACTOR = 0
"""The identity of gallery crops that match no query; kept."""


Value = TypeVar("Value")


@dataclass(frozen=True)
class Rows:
    """Crops without identities, in any order; columns are as long as `paths`."""

    root: Path
    """The folder that paths start from."""
    paths: Sequence[str]
    """Relative, with forward slashes."""
    cameras: Sequence[str | None] | None = None
    """What each camera is called; None where nobody knows."""
    tracklets: Sequence[str | None] | None = None
    """What each tracklet is called; the same name under two cameras is two tracklets."""
    times: Sequence[float] | None = None
    """Seconds, NaN where unknown."""
    spans: Sequence[tuple[int, int]] | None = None
    """First byte and number of bytes of crops that lie in shards."""


@dataclass(frozen=True)
class LabelledRows:
    """Crops and who is on them: `JUNK`, `DISTRACTOR`, or a number from 1 that is one person in all splits."""

    rows: Rows
    identities: Sequence[int]


def image_table(rows: Rows, known_cameras: Iterable[str] = ()) -> ImageTable:
    """The table of some rows, sorted by path; cameras are numbered together with those in `known_cameras`."""
    order = _order(rows)
    cameras, names = number(_ordered(rows.cameras or [None] * len(order), order), known_cameras)
    return ImageTable(
        rows.root.resolve(),
        tuple(_ordered(rows.paths, order)),
        cameras,
        names,
        None if rows.tracklets is None else number_tracklets(_ordered(rows.tracklets, order), cameras),
        None if rows.times is None else np.array(_ordered(rows.times, order), dtype=np.float64),
        None if rows.spans is None else np.array(_ordered(rows.spans, order), dtype=np.int64).reshape(-1, 2),
    )


def evaluation_tables(splits: Mapping[str, LabelledRows]) -> dict[str, EvaluationTable]:
    """Tables by split, sorted by path; a camera has the same number in all of them."""
    cameras = {name for split in splits.values() for name in split.rows.cameras or () if name is not None}
    tables = {}
    for name, split in splits.items():
        identities = np.array(_ordered(split.identities, _order(split.rows)), dtype=np.int64)
        tables[name] = EvaluationTable(image_table(split.rows, cameras), identities)
    return tables


def _order(rows: Rows) -> list[int]:
    return sorted(range(len(rows.paths)), key=rows.paths.__getitem__)


def _ordered(column: Sequence[Value], order: Sequence[int]) -> list[Value]:
    return [column[row] for row in order]
