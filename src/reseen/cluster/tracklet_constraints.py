"""Constraints that follow from tracklets: one person within each, different people where two overlap in time.

Answers of a person count for more: what of the tracklets contradicts them is left out, and listed.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int64

from reseen.cluster.constraints import Constraints
from reseen.data.overlaps import overlap_rows, overlapping_tracklets
from reseen.data.table import UNKNOWN_TRACKLET, ImageTable

TrackletRule = Literal["none", "cannot-link", "both"]
"""Which constraints are taken from tracklets; `both`: must-links too."""

_LISTED = 10

_NO_PAIRS = np.zeros((0, 2), dtype=np.int64)


@dataclass(frozen=True)
class TrackletConstraints:
    """The constraints of tracklets, together with those that were known before."""

    constraints: Constraints
    must: int
    """Must-links that come from tracklets."""
    cannot: int
    """Cannot-links that come from tracklets."""
    overlaps: int
    """Pairs of tracklets that overlap in time."""
    conflicts: tuple[str, ...]
    """What was left out because answers say otherwise, in words."""

    @property
    def note(self) -> str:
        """A sentence for a person."""
        said = (
            f"tracklets: {self.must:,} must-links, {self.cannot:,} cannot-links of {self.overlaps:,} pairs of "
            "tracklets that overlap in time"
        )
        if not self.conflicts:
            return said
        shown = "; ".join(self.conflicts[:_LISTED]) + ("; ..." if len(self.conflicts) > _LISTED else "")
        return f"{said}; {len(self.conflicts):,} left out, since answers say otherwise: {shown}"


def tracklet_constraints(
    table: ImageTable, rule: TrackletRule, answers: Constraints | None = None
) -> TrackletConstraints:
    """The constraints of the tracklets of a table, added to those of a person.

    Args:
        table: the crops; what is not known of them constrains nothing.
        rule: whether tracklets give cannot-links alone, or must-links too.
        answers: constraints of a person on the same rows; they are kept as they are.
    """
    before = answers or Constraints(_NO_PAIRS, _NO_PAIRS, len(table), table.texts)
    must, owner = _chains(table) if rule == "both" else (_NO_PAIRS, np.zeros(0, dtype=np.int64))
    dropped, conflicts = _contradicted(before, must, owner, table)
    must = must[~dropped]
    linked = Constraints(np.concatenate([before.must, must]), before.cannot, len(table), table.texts)
    cannot = overlap_rows(table) if rule != "none" else _NO_PAIRS
    same = linked.blocks[cannot[:, 0]] == linked.blocks[cannot[:, 1]]
    conflicts += [
        f"{table.texts[first]} and {table.texts[second]} overlap in time, and were answered to be one person"
        for first, second in cannot[same].tolist()
    ]
    cannot = cannot[~same]
    whole = Constraints(linked.must, np.concatenate([before.cannot, cannot]), len(table), table.texts)
    overlaps = len(overlapping_tracklets(table)) if rule != "none" else 0
    return TrackletConstraints(whole, len(must), len(cannot), overlaps, tuple(conflicts))


def _chains(table: ImageTable) -> tuple[Int64[np.ndarray, "m 2"], Int64[np.ndarray, " m"]]:
    """Must-links from each crop of a tracklet to the next, and the tracklet of each."""
    if table.tracklets is None:
        return _NO_PAIRS, np.zeros(0, dtype=np.int64)
    rows = np.flatnonzero(table.tracklets != UNKNOWN_TRACKLET)
    rows = rows[np.argsort(table.tracklets[rows], kind="stable")]
    owner = table.tracklets[rows]
    joined = owner[1:] == owner[:-1]
    return np.stack([rows[:-1], rows[1:]], axis=1)[joined], owner[1:][joined]


def _contradicted(
    answers: Constraints, must: Int64[np.ndarray, "m 2"], owner: Int64[np.ndarray, " m"], table: ImageTable
) -> tuple[Bool[np.ndarray, " m"], list[str]]:
    """Which must-links to leave out: those of all tracklets through which two people would become one."""
    none = np.zeros((0, 2), dtype=np.int64)
    blocks = Constraints(np.concatenate([answers.must, must]), none, answers.count).blocks
    first, second = answers.cannot.T
    broken = np.unique(blocks[first[blocks[first] == blocks[second]]])
    dropped = np.isin(blocks[must[:, 0]], broken)
    named = [
        f"the tracklet of {table.texts[must[owner == tracklet][0, 0]]} holds people who were answered to be different"
        for tracklet in np.unique(owner[dropped]).tolist()
    ]
    return dropped, named
