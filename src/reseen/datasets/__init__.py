"""Readers: one file per layout on disk. Training tables never hold identities; evaluation tables do."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reseen.data.evaluation_table import EvaluationTable
from reseen.data.table import ImageTable
from reseen.datasets import folder, split_folders
from reseen.datasets.dataset import PATTERNED, Layout, parse
from reseen.datasets.distractors import DistractorRule, resolve_zero
from reseen.datasets.raw_rows import JUNK, LabeledRows, evaluation_tables, image_table
from reseen.datasets.registry import DATASETS, Choice, choose, describe, detect
from reseen.datasets.split_folders import Patterns
from reseen.errors import DataError, SettingsError

__all__ = [
    "DATASETS",
    "PATTERNED",
    "Choice",
    "DistractorRule",
    "Layout",
    "Patterns",
    "Splits",
    "choose",
    "describe",
    "detect",
    "drop_junk",
    "label_splits",
    "parse",
    "read_evaluation",
    "read_splits",
    "read_training",
    "read_unlabeled_splits",
]


@dataclass(frozen=True)
class Splits:
    """Splits with the people on them, and what should be said about them."""

    tables: Mapping[str, EvaluationTable]
    zero_is_person: bool = False
    """True where the identity 0 was a person; people are numbered one higher than they are written."""
    notes: tuple[str, ...] = ()
    """Sentences that a score of these splits must state."""


def read_training(
    root: Path, layout: str | None = None, pattern: str | None = None, variant: str | None = None
) -> ImageTable:
    """Read crops to train on or to embed, without identities, sorted by path.

    `layout` is looked for when it is None or `auto`; `variant` is the data set's first when it is None; `pattern`
    says where a folder of your own names its cameras. Of folders train, query and gallery only the first is read.

    Raises:
        DataError: there is nothing to read, or it is not of this layout.
        SettingsError: an unknown layout or variant, or a camera pattern that is wrong or has no place here.
    """
    root = root.expanduser()
    choice = choose(root, layout, variant)
    if choice is None:
        return image_table(folder.training(root, pattern))
    if choice.dataset.layout is Layout.SPLIT_FOLDERS:
        return image_table(split_folders.training(root, pattern))
    _check_no_patterns(root, choice, Patterns(pattern))
    return image_table(choice.dataset.training(root, choice.variant.name))


def read_evaluation(
    root: Path,
    layout: str | None = None,
    variant: str | None = None,
    *,
    camera_pattern: str | None = None,
    identity_pattern: str | None = None,
    distractors: DistractorRule = "auto",
) -> tuple[EvaluationTable, EvaluationTable]:
    """Read query and gallery with identities; cameras are numbered alike in both.

    Crops of identity -1 are dropped, 0 is kept (a distractor). A camera nobody knows stays -1. By which rules they
    are to be scored, `choose(root, layout, variant).variant.protocol` says. The patterns say where paths below query
    and gallery name camera (empty for unknown cameras) and person; `distractors` is that of `label_splits`.

    Raises:
        DataError: there is nothing to read, or this layout knows no identities.
        SettingsError: an unknown layout or variant, or patterns that are wrong or have no place here.
    """
    patterns = Patterns(camera_pattern, identity_pattern)
    found = label_splits(
        root, layout, variant, ("query", "gallery"), patterns=patterns, distractors=distractors
    )
    query, gallery = (drop_junk(found.tables[name]) for name in ("query", "gallery"))
    return query, gallery


def drop_junk(table: EvaluationTable) -> EvaluationTable:
    """The table without crops of identity -1."""
    return table.select(np.flatnonzero(table.identities != JUNK))


def read_splits(
    root: Path,
    layout: str | None = None,
    variant: str | None = None,
    names: tuple[str, ...] | None = None,
    *,
    patterns: Patterns | None = None,
    distractors: DistractorRule = "auto",
) -> dict[str, EvaluationTable]:
    """Read splits with identities, junk included: those named, or those present when `names` is None.

    Raises:
        DataError: there is nothing to read, or this layout knows no identities.
        SettingsError: an unknown layout or variant, or patterns that are wrong or have no place here.
    """
    return dict(label_splits(root, layout, variant, names, patterns=patterns, distractors=distractors).tables)


def label_splits(
    root: Path,
    layout: str | None = None,
    variant: str | None = None,
    names: tuple[str, ...] | None = None,
    *,
    patterns: Patterns | None = None,
    distractors: DistractorRule = "auto",
) -> Splits:
    """As `read_splits`, with what should be said about the data.

    `patterns` say where folders train, query and gallery name camera and person. By `distractors` the identity 0 is
    the number of distractors (`zero`), a person (`none`), or (`auto`) what the naming of the layout says, and a
    person where it says nothing and queries have it.

    Raises:
        DataError: there is nothing to read, or this layout knows no identities.
        SettingsError: an unknown layout or variant, or patterns that are wrong or have no place here.
    """
    root, patterns = root.expanduser(), patterns or Patterns()
    choice = choose(root, layout, variant)
    if choice is None or choice.dataset.splits is None:
        title = "a bare folder" if choice is None else choice.dataset.title
        raise DataError(
            f"{root}: evaluation needs to know who is on each crop, and {title} does not say; use folders query and "
            "gallery with a folder for each person, the Market-1501 layout, or a manifest with the columns path, split "
            "(query or gallery) and identity"
        )
    found = _splits(root, choice, patterns, names)
    if not found:
        raise DataError(
            f"{root}: no split of {choice.dataset.title} is here; wanted below it: {choice.dataset.expected_files}"
        )
    settled = resolve_zero(found, distractors, choice.dataset.zero_is_distractor)
    notes = (settled.note,) if settled.note else ()
    return Splits(evaluation_tables(settled.splits), settled.as_person, notes)


def read_unlabeled_splits(
    root: Path,
    layout: str | None = None,
    variant: str | None = None,
    *,
    patterns: Patterns | None = None,
) -> dict[str, ImageTable]:
    """The splits that are there without identities, for data that is split and does not say who is on a crop.

    Raises:
        DataError: there is nothing to read, or it is not of this layout.
        SettingsError: an unknown layout or variant, or patterns that are wrong or have no place here.
    """
    root, patterns = root.expanduser(), patterns or Patterns()
    choice = choose(root, layout, variant)
    if choice is not None and choice.dataset.layout is Layout.SPLIT_FOLDERS:
        found = split_folders.parts(root, patterns)
    elif choice is not None and choice.dataset.parts is not None:
        _check_no_patterns(root, choice, patterns)
        found = choice.dataset.parts(root)
    elif choice is None and patterns.identity:
        raise SettingsError(
            f"identity pattern '{patterns.identity}': {root} is a bare folder, which is not scored; identities are "
            "read below folders query and gallery"
        )
    else:
        return {"train": read_training(root, layout, patterns.camera, variant)}
    return {name: image_table(rows) for name, rows in found.items()}


def _splits(
    root: Path, choice: Choice, patterns: Patterns, names: tuple[str, ...] | None
) -> dict[str, LabeledRows]:
    if choice.dataset.layout is Layout.SPLIT_FOLDERS:
        return split_folders.splits(root, patterns, names)
    _check_no_patterns(root, choice, patterns)
    assert choice.dataset.splits is not None
    return choice.dataset.splits(root, choice.variant.name, names)


def _check_no_patterns(root: Path, choice: Choice, patterns: Patterns) -> None:
    for kind, pattern in (("camera", patterns.camera), ("identity", patterns.identity)):
        if pattern is not None:
            raise SettingsError(
                f"{kind} pattern '{pattern}': patterns are for folders of your own, {root} is read as "
                f"{choice.dataset.layout}; leave it out or set data.layout to 'folder' or 'split-folders'"
            )
