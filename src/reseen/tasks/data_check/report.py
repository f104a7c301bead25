"""What `reseen data check` tells, as plain values."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

QUANTITIES = ("images", "tracklets", "people", "junk", "distractors")
"""Counts of a split that are shown and, where they are published, compared."""


@dataclass(frozen=True)
class SplitReport:
    """One split. Counts of people are None where the layout knows no identities."""

    images: int
    tracklets: int | None
    """Different tracklets; None where the layout knows none."""
    people: int | None
    """Different people (animals, vehicles), junk and distractors not counted."""
    junk: int | None
    """Crops of identity -1, which evaluation leaves out."""
    distractors: int | None
    """Crops of identity 0, which match no query."""
    cameras: dict[str, int]
    """Crops of each camera; `unknown` for those without."""
    sizes: dict[str, int]
    """Crops of each size, `width x height` in pixels, most frequent first."""
    unreadable: dict[str, str]
    """Files that are no usable image, and why."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    verdict: Literal["fine", "look", "wrong"]
    """`fine`; `look`: people should judge; `wrong`: scores of this data would mean nothing, or training leaks."""
    text: str
    items: tuple[str, ...] = ()
    """What it is about, such as files."""


@dataclass(frozen=True)
class DataReport:
    """What `reseen data check` tells."""

    root: str
    layout: str
    title: str
    """The data set, as people call it."""
    variant: str
    """Which of several ways to use it."""
    protocol: str
    """The rules that query and gallery are made for."""
    sentence: str
    note: str
    """What people should know before they use it."""
    splits: dict[str, SplitReport]
    duplicates: tuple[tuple[str, ...], ...]
    """Groups of files with the same bytes and, where it is known, the same identity; each path with its split in
    front, `train: path`."""
    label_conflicts: tuple[tuple[str, ...], ...]
    """Groups of files with the same bytes and different identities."""
    passed_over: dict[str, int]
    """Visible files below the folder that are no image, by suffix, `broken links` and `special files`; most frequent
    first."""
    shared_people: dict[str, int]
    """People that appear in two splits, for each pair, `train and query`."""
    published: dict[str, dict[str, int]]
    """Counts of the benchmark with this layout, to compare with; empty for other data."""
    findings: tuple[Finding, ...]
    """What was looked at, in order."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)
