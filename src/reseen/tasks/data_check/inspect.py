"""Read a data set with all its splits and every file in it, and report."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from reseen.data.evaluation_table import EvaluationTable
from reseen.data.image_source import ImageSource
from reseen.data.table import ImageTable
from reseen.datasets import Choice, Layout, Patterns, choose, describe, label_splits, read_unlabeled_splits
from reseen.datasets.raw_rows import DISTRACTOR, JUNK
from reseen.datasets.skipped_files import skipped_files
from reseen.errors import DataError
from reseen.tasks.data_check.findings import FileFacts, Finds, find, look_at_files, same_bytes, shared_people
from reseen.tasks.data_check.pixel_findings import find_in_pixels
from reseen.tasks.data_check.report import DataReport, SplitReport


@dataclass(frozen=True)
class Inspection:
    """A report, and the crops that it is about."""

    report: DataReport
    tables: Mapping[str, ImageTable | EvaluationTable]
    """Each split, with the people where they are known."""
    images: dict[str, ImageTable]
    """Crops of each split."""
    facts: dict[str, list[FileFacts]]
    """What is known of each crop's file."""
    white_level: float | None = None
    """What images of more than 8 bits were read with; None for the rule of their format."""

    @property
    def files(self) -> dict[ImageSource, FileFacts]:
        """Facts of every different file."""
        return {
            table.source(row): fact
            for name, table in self.images.items()
            for row, fact in enumerate(self.facts[name])
        }


def check_data(
    root: Path,
    layout: str | None = None,
    pattern: str | None = None,
    progress: bool = True,
    variant: str | None = None,
    identity_pattern: str | None = None,
    white_level: float | None = None,
) -> DataReport:
    """Read every file of a data set once and report on it.

    `pattern` and `identity_pattern` say where paths of your own folders name camera and person. `white_level` is the
    value that is white in images of more than 8 bits, as in `decode`.

    Raises:
        DataError: there is nothing to read, or it is not of this layout.
        SettingsError: an unknown layout or variant, or a wrong pattern.
    """
    return inspect_data(root, layout, pattern, progress, variant, identity_pattern, white_level).report


def inspect_data(
    root: Path,
    layout: str | None = None,
    pattern: str | None = None,
    progress: bool = True,
    variant: str | None = None,
    identity_pattern: str | None = None,
    white_level: float | None = None,
) -> Inspection:
    """As `check_data`, with the crops themselves.

    Raises:
        DataError: there is nothing to read, or it is not of this layout.
        SettingsError: an unknown layout or variant, or a wrong pattern.
    """
    root = root.expanduser()
    choice = choose(root, layout, variant)
    tables, notes = _splits(root, choice, layout, variant, Patterns(pattern, identity_pattern))
    images = {name: _images(table) for name, table in tables.items()}
    facts = look_at_files(images, progress, white_level)
    splits = {name: _split_report(table, facts[name]) for name, table in tables.items()}
    people = {
        name: set(np.unique(table.identities).tolist()) - {JUNK, DISTRACTOR}
        for name, table in tables.items()
        if isinstance(table, EvaluationTable)
    }
    duplicates, conflicts = same_bytes(tables, images, facts)
    whole = _is_folder(root, choice)
    chosen = choice.dataset.layout if choice else Layout.FOLDER
    published = choice.variant.published if choice else {}
    title = choice.dataset.title if choice else "Folder of images"
    split = "train" if "train" in images else next(iter(images))
    report = DataReport(
        root=str(root.resolve()),
        layout=str(chosen),
        title=title,
        variant=choice.variant.name if choice else "",
        protocol=choice.variant.protocol if choice else "",
        sentence=describe(images[split], chosen, variant, root, split),
        note=choice.dataset.note if choice else "",
        splits=splits,
        duplicates=duplicates,
        label_conflicts=conflicts,
        passed_over=skipped_files(root) if whole else {},
        shared_people=shared_people(people),
        published={name: dict(counts) for name, counts in published.items()},
        findings=(),
    )
    finds = Finds(splits, people, report, title, notes)
    findings = (*find(finds), *find_in_pixels(images, facts, white_level))
    return Inspection(replace(report, findings=findings), tables, images, facts, white_level)


def _is_folder(root: Path, choice: Choice | None) -> bool:
    return root.is_dir() and (choice is None or choice.dataset.layout is not Layout.SHARDS)


def _splits(
    root: Path, choice: Choice | None, layout: str | None, variant: str | None, patterns: Patterns
) -> tuple[Mapping[str, ImageTable | EvaluationTable], tuple[str, ...]]:
    """The splits, with identities where they are known, and what should be said about them."""
    if choice is None or choice.dataset.splits is None or not choice.dataset.has_identities(root):
        return read_unlabeled_splits(root, layout, variant, patterns=patterns), ()
    try:
        found = label_splits(root, layout, variant, patterns=patterns)
    except DataError as error:
        if choice.dataset.layout is not Layout.SPLIT_FOLDERS:
            raise
        return read_unlabeled_splits(root, layout, variant, patterns=patterns), (
            f"cannot be scored yet: {error}",
        )
    return found.tables, found.notes


def _images(table: ImageTable | EvaluationTable) -> ImageTable:
    return table.images if isinstance(table, EvaluationTable) else table


def _split_report(table: ImageTable | EvaluationTable, facts: list[FileFacts]) -> SplitReport:
    images = _images(table)
    names = [*images.camera_names, "unknown"]
    cameras = Counter(names[camera] for camera in images.cameras)
    people = junk = strangers = None
    if isinstance(table, EvaluationTable):
        people = len(set(np.unique(table.identities).tolist()) - {JUNK, DISTRACTOR})
        junk = int((table.identities == JUNK).sum())
        strangers = int((table.identities == DISTRACTOR).sum())
    sizes = Counter(f"{fact.size[0]} x {fact.size[1]}" for fact in facts if fact.size)
    return SplitReport(
        images=len(images),
        tracklets=None if images.tracklets is None else len(set(images.tracklets.tolist()) - {-1}),
        people=people,
        junk=junk,
        distractors=strangers,
        cameras={name: cameras[name] for name in names if cameras[name]},
        sizes=dict(sizes.most_common()),
        unreadable={
            path: fact.problem for path, fact in zip(images.paths, facts, strict=True) if fact.problem
        },
    )
