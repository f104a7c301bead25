"""The report of `reseen data check`, as plain values."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

QUANTITIES = ("images", "tracklets", "people", "junk", "distractors")
"""Counts of a split that are shown and compared with published ones."""


@dataclass(frozen=True)
class SplitReport:
    """Counts of one split; those of people are None where the layout has no identities."""

    images: int
    tracklets: int | None
    """Number of tracklets; None if unknown."""
    people: int | None
    """Number of people (animals, vehicles), without junk and distractors."""
    junk: int | None
    """Crops of identity -1, which evaluation ignores."""
    distractors: int | None
    """Crops of identity 0, which match no query."""
    cameras: dict[str, int]
    """Crops by camera; `unknown` for those without."""
    sizes: dict[str, int]
    """Crops by size, `width x height` in pixels, most frequent first."""
    unreadable: dict[str, str]
    """Unusable files with the reason."""


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    verdict: Literal["fine", "look", "wrong"]
    """`fine`; `look`: to be reviewed; `wrong`: scores on this data would be invalid, or test data leaks."""
    text: str
    items: tuple[str, ...] = ()
    """Details, such as files."""


@dataclass(frozen=True)
class DataReport:
    """The report of `reseen data check`."""

    root: str
    layout: str
    title: str
    """Name of the data set."""
    variant: str
    """Name of the variant."""
    protocol: str
    """Evaluation protocol of query and gallery."""
    sentence: str
    """How the data was read, as a sentence."""
    note: str
    """A caveat on the data set."""
    splits: dict[str, SplitReport]
    duplicates: tuple[tuple[str, ...], ...]
    """Groups of files with equal bytes and, where known, equal identity; each file as `split: path`."""
    label_conflicts: tuple[tuple[str, ...], ...]
    """Groups of files with equal bytes and different identities."""
    passed_over: dict[str, int]
    """Ignored visible files below the folder, by suffix, `broken links` and `special files`; most frequent first."""
    shared_people: dict[str, int]
    """Number of people in both splits, by pair, such as `train and query`."""
    published: dict[str, dict[str, int]]
    """Published counts of the benchmark; empty for other data."""
    findings: tuple[Finding, ...]
    """Results of all checks, in order."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-serializable values."""
        return asdict(self)
