"""`Rows` and `LabeledRows`, the unsorted output of a reader, and their conversion to numbered and sorted tables.

Identity 0 means distractors, as in Market-1501, or a person, where persons are numbered from 0; `resolve_zero` decides.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Int64

from reseen.data.evaluation_table import EvaluationTable
from reseen.data.table import ImageTable
from reseen.datasets.values import camera_names, tracklet_name

JUNK = -1
"""The identity of junk, such as bad detections; dropped before evaluation."""

DISTRACTOR = 0
"""The identity of distractors, gallery crops that match no query; kept in evaluation."""

Value = TypeVar("Value")


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A sort key for natural order, in which `cam2` comes before `cam10`."""
    parts = re.split(r"([0-9]+)", name)
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]


def number(
    names: Sequence[str | None], known: Iterable[str] = ()
) -> tuple[Int64[np.ndarray, " n"], tuple[str, ...]]:
    """Indices of names in the natural order of all names, including `known`, and these names; None becomes -1."""
    ordered = tuple(sorted({name for name in names if name is not None}.union(known), key=_natural))
    position = {name: index for index, name in enumerate(ordered)}
    return np.array([-1 if name is None else position[name] for name in names], dtype=np.int64), ordered


def number_tracklets(
    names: Sequence[str | None], cameras: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " n"]:
    """Indices of tracklets; the same name under two cameras is two tracklets, None becomes -1."""
    joined = [
        None if name is None else f"{camera}\0{name}" for name, camera in zip(names, cameras, strict=True)
    ]
    return number(joined)[0]


def number_people(names: Sequence[str]) -> list[int]:
    """Identities of people: names that are all integers keep their values, others are numbered from 1; `-1` is junk.

    Names are normalized by `reseen.datasets.values.label`.
    """
    try:
        return np.array([int(name) for name in names], dtype=np.int64).tolist()
    except (ValueError, OverflowError):
        people, _ = number([None if name == "-1" else name for name in names])
        return np.where(people >= 0, people + 1, people).tolist()  # 0 is reserved for distractors


@dataclass(frozen=True)
class Rows:
    """Crops without identities, in any order; all columns have the length of `paths`."""

    root: Path
    """The folder that paths are relative to."""
    paths: Sequence[str]
    """Relative paths, with forward slashes."""
    cameras: Sequence[str | None] | None = None
    """Camera name of each crop; None where unknown."""
    tracklets: Sequence[str | None] | None = None
    """Tracklet name of each crop, None where unknown; the same name under two cameras is two tracklets."""
    times: Sequence[float] | None = None
    """Time of each crop in seconds, NaN where unknown."""
    spans: Sequence[tuple[int, int]] | None = None
    """Offset and length in bytes of crops in shards."""


@dataclass(frozen=True)
class LabeledRows:
    """Crops with identities: `JUNK`, `DISTRACTOR`, or a number from 1 that denotes the same person in all splits."""

    rows: Rows
    identities: Sequence[int]


def image_table(rows: Rows, known_cameras: Iterable[str] = ()) -> ImageTable:
    """Convert rows to a table sorted by path; cameras are numbered together with those in `known_cameras`.

    Names of cameras and tracklets are normalized by `reseen.datasets.values`.
    """
    order = _order(rows)
    normalized = camera_names(rows.cameras or [None] * len(order))
    cameras, names = number(_ordered(normalized, order), known_cameras)
    tracklets = rows.tracklets and [tracklet_name(name) for name in rows.tracklets]
    return ImageTable(
        rows.root.resolve(),
        tuple(_ordered(rows.paths, order)),
        cameras,
        names,
        None if tracklets is None else number_tracklets(_ordered(tracklets, order), cameras),
        None if rows.times is None else np.array(_ordered(rows.times, order), dtype=np.float64),
        None if rows.spans is None else np.array(_ordered(rows.spans, order), dtype=np.int64).reshape(-1, 2),
    )


def evaluation_tables(splits: Mapping[str, LabeledRows]) -> dict[str, EvaluationTable]:
    """Convert splits to tables sorted by path, with camera indices shared by all splits."""
    normalized = set(camera_names(name for split in splits.values() for name in split.rows.cameras or ()))
    cameras = {name for name in normalized if name is not None}
    tables = {}
    for name, split in splits.items():
        identities = np.array(_ordered(split.identities, _order(split.rows)), dtype=np.int64)
        tables[name] = EvaluationTable(image_table(split.rows, cameras), identities)
    return tables


def _order(rows: Rows) -> list[int]:
    return sorted(range(len(rows.paths)), key=rows.paths.__getitem__)


def _ordered(column: Sequence[Value], order: Sequence[int]) -> list[Value]:
    return [column[row] for row in order]


DistractorRule = Literal["auto", "zero", "none"]
"""`zero`: identity 0 means distractors; `none`: it is a person; `auto`: the naming convention of the layout decides,
and without one 0 is a person if queries or training crops have it, since distractors occur only in the gallery."""

AS_PERSON = "none, identity 0 is a person"
"""The entry of a score's protocol if identity 0 is a person."""


class ResolvedSplits(NamedTuple):
    """Splits in which identity 0 always means distractors."""

    splits: dict[str, LabeledRows]
    as_person: bool
    """True if 0 was a person; then all identities were increased by one."""
    note: str
    """A remark for the user; empty if there is none."""


def resolve_zero(splits: Mapping[str, LabeledRows], rule: DistractorRule, by_naming: bool) -> ResolvedSplits:
    """Renumber identities from 1 if 0 is a person; `by_naming`: 0 means distractors by the layout's convention."""
    zeros = {
        name: sum(number == DISTRACTOR for number in split.identities)
        for name, split in splits.items()
        if name != "gallery"
    }
    if not zero_is_person(rule, by_naming, any(zeros.values())):
        return ResolvedSplits(dict(splits), False, "")
    shifted = {
        name: replace(
            split, identities=[number + 1 if number >= 0 else number for number in split.identities]
        )
        for name, split in splits.items()
    }
    crops = ", ".join(f"{count:,} {name} crops" for name, count in zeros.items() if count)
    return ResolvedSplits(shifted, True, zero_note(crops) if rule == "auto" else "")


def zero_is_person(rule: DistractorRule, by_naming: bool, asked: bool) -> bool:
    """Whether identity 0 is a person; `asked`: a query or training crop has identity 0."""
    return rule == "none" or (rule == "auto" and asked and not by_naming)


def zero_note(crops: str) -> str:
    """The remark that identity 0 is taken for a person; `crops` are those that have it, as text."""
    return (
        f"{crops} have the identity 0, which counts as a person here; set --distractors none to confirm this, or "
        "--distractors zero if 0 means distractors, which match no query"
    )
