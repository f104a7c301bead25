"""Look over a data set: how it is laid out, what is in it, and what is wrong with it."""

import hashlib
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reseen.data.decode import UnreadableError, decode, quiet_pillow, read_bytes
from reseen.data.evaluation_table import EvaluationTable
from reseen.data.parallel import in_blocks
from reseen.data.progress import ProgressBar
from reseen.data.readers import Layout, describe, detect, manifest, market1501, parse, read_training
from reseen.data.table import ImageTable

MARKET1501_PUBLISHED = {
    "train": {"images": 12_936, "people": 751},
    "query": {"images": 3_368, "people": 750},
    "gallery": {"images": 19_732, "people": 750, "junk": 3_819, "distractors": 2_798},
}
"""Counts of the Market-1501 benchmark, as its authors published them (Zheng et al. 2015, section 3)."""

_BLOCK = 64


@dataclass(frozen=True)
class SplitReport:
    """One split. Counts of people are None where the layout knows no identities."""

    images: int
    people: int | None
    """Different people, junk and distractors not counted."""
    junk: int | None
    """Crops of identity -1, which evaluation leaves out."""
    distractors: int | None
    """Crops of identity 0, which match no query; only the Market-1501 layout has them."""
    cameras: dict[str, int]
    """Crops of each camera; `unknown` for those without."""
    sizes: dict[str, int]
    """Crops of each size, `width x height` in pixels, most frequent first."""
    unreadable: dict[str, str]
    """Files that are no usable image, and why."""


@dataclass(frozen=True)
class DataReport:
    """What `reseen data check` tells."""

    root: str
    layout: str
    sentence: str
    splits: dict[str, SplitReport]
    duplicates: tuple[tuple[str, ...], ...]
    """Groups of files with the same bytes, each path with its split in front, `train: path`."""
    shared_people: dict[str, int]
    """People that appear in two splits, for each pair, `train and query`."""
    published: dict[str, dict[str, int]]
    """Counts of the benchmark with this layout, to compare with; empty for other data."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _FileFacts:
    digest: bytes
    size: str
    problem: str


def check_data(
    root: Path, layout: str | None = None, pattern: str | None = None, progress: bool = True
) -> DataReport:
    """Read every file of a data set once and report on it.

    Raises:
        DataError: there is nothing to read, or it is not of this layout.
        SettingsError: an unknown layout or a wrong camera pattern.
    """
    root = root.expanduser()
    chosen = parse(layout) or detect(root)
    tables = _splits(root, chosen, pattern)
    images = {name: _images(table) for name, table in tables.items()}
    with ProgressBar("Checking files", sum(len(table) for table in images.values()), progress) as bar:
        facts = {name: _facts(table, bar) for name, table in images.items()}
    market = chosen is Layout.MARKET1501
    return DataReport(
        root=str(root.resolve()),
        layout=str(chosen),
        sentence=describe(images.get("train", next(iter(images.values()))), chosen),
        splits={name: _split_report(table, facts[name], market) for name, table in tables.items()},
        duplicates=_duplicates(images, facts),
        shared_people=_shared_people(tables, market),
        published=MARKET1501_PUBLISHED if market else {},
    )


def _splits(root: Path, layout: Layout, pattern: str | None) -> dict[str, ImageTable | EvaluationTable]:
    if layout is Layout.MARKET1501 and pattern is None:
        return dict(market1501.labelled_splits(root))
    if layout is Layout.MANIFEST and pattern is None and manifest.has_identities(root):
        return dict(manifest.labelled_splits(root))
    return {"train": read_training(root, layout, pattern)}


def _images(table: ImageTable | EvaluationTable) -> ImageTable:
    return table.images if isinstance(table, EvaluationTable) else table


def _facts(table: ImageTable, bar: ProgressBar) -> list[_FileFacts]:
    facts: list[_FileFacts] = []
    with quiet_pillow():
        work = in_blocks(lambda rows: [_look_at(table.path(row)) for row in rows], len(table), _BLOCK)
        for rows, found in work:
            facts += found
            bar.advance(len(rows))
    return facts


def _look_at(path: Path) -> _FileFacts:
    digest = b""
    try:
        content = read_bytes(path)
        digest = hashlib.blake2b(content, digest_size=16).digest()
        height, width, _ = decode(content).shape
    except UnreadableError as error:
        return _FileFacts(digest, "", str(error))
    return _FileFacts(digest, f"{width} x {height}", "")


def _split_report(
    table: ImageTable | EvaluationTable, facts: list[_FileFacts], distractors: bool
) -> SplitReport:
    images = _images(table)
    names = [*images.camera_names, "unknown"]
    cameras = Counter(names[camera] for camera in images.cameras)
    people = junk = strangers = None
    if isinstance(table, EvaluationTable):
        people = len(_people(table, distractors))
        junk = int((table.identities == market1501.JUNK).sum())
        strangers = int((table.identities == market1501.DISTRACTOR).sum()) if distractors else None
    return SplitReport(
        images=len(images),
        people=people,
        junk=junk,
        distractors=strangers,
        cameras={name: cameras[name] for name in names if cameras[name]},
        sizes=dict(Counter(fact.size for fact in facts if fact.size).most_common()),
        unreadable={
            path: fact.problem for path, fact in zip(images.paths, facts, strict=True) if fact.problem
        },
    )


def _people(table: EvaluationTable, distractors: bool) -> set[int]:
    nobody = {market1501.JUNK, market1501.DISTRACTOR} if distractors else {market1501.JUNK}
    return set(np.unique(table.identities).tolist()) - nobody


def _duplicates(
    images: dict[str, ImageTable], facts: dict[str, list[_FileFacts]]
) -> tuple[tuple[str, ...], ...]:
    groups: dict[bytes, list[str]] = {}
    for name, table in images.items():
        for path, fact in zip(table.paths, facts[name], strict=True):
            if fact.digest:
                groups.setdefault(fact.digest, []).append(f"{name}: {path}")
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _shared_people(tables: dict[str, ImageTable | EvaluationTable], distractors: bool) -> dict[str, int]:
    people = {
        name: _people(table, distractors)
        for name, table in tables.items()
        if isinstance(table, EvaluationTable)
    }
    names = list(people)
    return {
        f"{first} and {second}": len(people[first] & people[second])
        for index, first in enumerate(names)
        for second in names[index + 1 :]
    }
