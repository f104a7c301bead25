"""Read a data set, all its splits and every file, and report on it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from reseen.data.evaluation_table import EvaluationTable
from reseen.data.table import ImageSource, ImageTable
from reseen.datasets import Choice, Layout, Patterns, choose, describe, label_splits, read_unlabeled_splits
from reseen.datasets.folder import skipped_files
from reseen.datasets.raw_rows import DISTRACTOR, JUNK
from reseen.errors import DataError
from reseen.tasks.data_check.findings import (
    CheckInputs,
    FileFacts,
    inspect_files,
    run_checks,
    same_bytes,
    shared_people,
)
from reseen.tasks.data_check.pixel_findings import find_in_pixels
from reseen.tasks.data_check.report import DataReport, SplitReport


@dataclass(frozen=True)
class Inspection:
    """A report on a data set, with the tables that it describes."""

    report: DataReport
    tables: Mapping[str, ImageTable | EvaluationTable]
    """Table of each split, with identities where known."""
    images: dict[str, ImageTable]
    """Table of each split, without identities."""
    facts: dict[str, list[FileFacts]]
    """Properties of the file of each row, by split."""
    white_level: float | None = None
    """White level used for images of more than 8 bits; None for the default of their format."""

    @property
    def files(self) -> dict[ImageSource, FileFacts]:
        """Properties of every distinct file."""
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

    Args:
        root: a folder of crops or shards, a shard, or a manifest.
        layout: the layout on disk; detected when None.
        pattern: where paths name the camera, such as `{camera}/{*}`.
        progress: show a progress bar.
        variant: the variant of the benchmark; its first when None.
        identity_pattern: where paths below query and gallery name the person.
        white_level: white level of images of more than 8 bits, as in `decode`.

    Raises:
        DataError: there is nothing to read, or it does not have this layout.
        SettingsError: an unknown layout or variant, or an invalid pattern.

    Example:
        >>> report = check_data(Path("data/Market-1501"))
        >>> [finding.text for finding in report.findings if finding.verdict == "wrong"]
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
    """The report of `check_data`, together with the tables that it describes.

    Raises:
        DataError: there is nothing to read, or it does not have this layout.
        SettingsError: an unknown layout or variant, or an invalid pattern.
    """
    root = root.expanduser()
    choice = choose(root, layout, variant)
    tables, notes = _splits(root, choice, layout, variant, Patterns(pattern, identity_pattern))
    images = {name: _images(table) for name, table in tables.items()}
    facts = inspect_files(images, progress, white_level)
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
    inputs = CheckInputs(splits, people, report, title, notes)
    findings = (*run_checks(inputs), *find_in_pixels(images, facts, white_level))
    return Inspection(replace(report, findings=findings), tables, images, facts, white_level)


def _is_folder(root: Path, choice: Choice | None) -> bool:
    return root.is_dir() and (choice is None or choice.dataset.layout != Layout.SHARDS)


def _splits(
    root: Path, choice: Choice | None, layout: str | None, variant: str | None, patterns: Patterns
) -> tuple[Mapping[str, ImageTable | EvaluationTable], tuple[str, ...]]:
    """The splits, with identities where known, and notes from reading them."""
    if choice is None or choice.dataset.splits is None or not choice.dataset.has_identities(root):
        return read_unlabeled_splits(root, layout, variant, patterns=patterns), ()
    try:
        labeled = label_splits(root, layout, variant, patterns=patterns)
    except DataError as error:
        if choice.dataset.layout != Layout.SPLIT_FOLDERS:
            raise
        return read_unlabeled_splits(root, layout, variant, patterns=patterns), (
            f"cannot be scored yet: {error}",
        )
    return labeled.tables, labeled.notes


def _images(table: ImageTable | EvaluationTable) -> ImageTable:
    return table.images if isinstance(table, EvaluationTable) else table


def _split_report(table: ImageTable | EvaluationTable, facts: list[FileFacts]) -> SplitReport:
    images = _images(table)
    names = [*images.camera_names, "unknown"]
    cameras = Counter(names[camera] for camera in images.cameras)
    people = junk = distractors = None
    if isinstance(table, EvaluationTable):
        people = len(set(np.unique(table.identities).tolist()) - {JUNK, DISTRACTOR})
        junk = int((table.identities == JUNK).sum())
        distractors = int((table.identities == DISTRACTOR).sum())
    sizes = Counter(f"{fact.size[0]} x {fact.size[1]}" for fact in facts if fact.size)
    return SplitReport(
        images=len(images),
        tracklets=None if images.tracklets is None else len(set(images.tracklets.tolist()) - {-1}),
        people=people,
        junk=junk,
        distractors=distractors,
        cameras={name: cameras[name] for name in names if cameras[name]},
        sizes=dict(sizes.most_common()),
        unreadable={
            path: fact.problem for path, fact in zip(images.paths, facts, strict=True) if fact.problem
        },
    )
