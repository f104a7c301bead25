"""Readers of data sets, one module per layout on disk. Only tables for evaluation have identities."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reseen.data.evaluation_table import EvaluationTable
from reseen.data.table import ImageTable
from reseen.datasets import folder, split_folders
from reseen.datasets.dataset import PATTERNED, Dataset, Layout, Variant
from reseen.datasets.layout_detection import DATASETS, Choice, choose, describe, detect, parse_layout
from reseen.datasets.raw_rows import (
    JUNK,
    DistractorRule,
    LabeledRows,
    Rows,
    evaluation_tables,
    image_table,
    resolve_zero,
)
from reseen.datasets.split_folders import Patterns
from reseen.errors import DataError, SettingsError

__all__ = [
    "DATASETS",
    "PATTERNED",
    "Choice",
    "Dataset",
    "DistractorRule",
    "LabeledRows",
    "Layout",
    "Patterns",
    "Rows",
    "Splits",
    "Variant",
    "choose",
    "describe",
    "detect",
    "drop_junk",
    "label_splits",
    "parse_layout",
    "read_evaluation",
    "read_splits",
    "read_training",
    "read_unlabeled_splits",
]


@dataclass(frozen=True)
class Splits:
    """Splits with identities, and how their identities were interpreted."""

    tables: Mapping[str, EvaluationTable]
    """Table by name of the split: `train`, `query`, `gallery`."""
    zero_is_person: bool = False
    """True if identity 0 is a person on disk; then all identities in the tables are one higher than on disk."""
    notes: tuple[str, ...] = ()
    """Remarks to report with a score of these splits."""


def read_training(
    root: str | Path, layout: str | None = None, pattern: str | None = None, variant: str | None = None
) -> ImageTable:
    """Read the training crops of a data set, sorted by path and without identities.

    `layout` is detected if it is None or `auto`; `variant` defaults to the data set's first. `pattern` is the camera
    pattern of a folder of your own, such as `{camera}/{*}`. Of folders train, query and gallery, only train is read.

    Raises:
        DataError: there are no crops, or `root` does not have this layout.
        SettingsError: the layout or variant is unknown, or the pattern is invalid or not supported by the layout.

    Example:
        >>> table = read_training(Path("Market-1501"))
        >>> len(table)
        12936
    """
    root = Path(root).expanduser()
    choice = choose(root, layout, variant)
    if choice is None:
        return image_table(folder.training(root, pattern))
    if choice.dataset.layout == Layout.SPLIT_FOLDERS:
        return image_table(split_folders.training(root, pattern))
    _check_no_patterns(root, choice, Patterns(pattern))
    return image_table(choice.dataset.training(root, choice.variant.name))


def read_evaluation(
    root: str | Path,
    layout: str | None = None,
    variant: str | None = None,
    *,
    camera_pattern: str | None = None,
    identity_pattern: str | None = None,
    distractors: DistractorRule = "auto",
) -> tuple[EvaluationTable, EvaluationTable]:
    """Read query and gallery with identities; camera indices are shared by both.

    Junk (identity -1) is dropped, distractors (identity 0) are kept, and unknown cameras are -1. The evaluation
    protocol is `choose(root, layout, variant).variant.protocol`. The patterns give the place of camera (empty: unknown)
    and identity in paths below query and gallery; `distractors` is that of `label_splits`.

    Raises:
        DataError: there are no crops, or the layout has no identities.
        SettingsError: the layout or variant is unknown, or a pattern is invalid or not supported by the layout.

    Example:
        >>> query, gallery = read_evaluation(Path("Market-1501"))
        >>> len(query), len(gallery)
        (3368, 15913)
    """
    patterns = Patterns(camera_pattern, identity_pattern)
    labeled = label_splits(
        root, layout, variant, ("query", "gallery"), patterns=patterns, distractors=distractors
    )
    query, gallery = (drop_junk(labeled.tables[name]) for name in ("query", "gallery"))
    return query, gallery


def drop_junk(table: EvaluationTable) -> EvaluationTable:
    """The table without junk, the crops of identity -1."""
    return table.select(np.flatnonzero(table.identities != JUNK))


def read_splits(
    root: str | Path,
    layout: str | None = None,
    variant: str | None = None,
    names: tuple[str, ...] | None = None,
    *,
    patterns: Patterns | None = None,
    distractors: DistractorRule = "auto",
) -> dict[str, EvaluationTable]:
    """Read splits with identities, including junk: those in `names`, or all present ones if None.

    Raises:
        DataError: as in `label_splits`.
        SettingsError: as in `label_splits`.

    Example:
        >>> list(read_splits(Path("Market-1501")))
        ['train', 'query', 'gallery']
    """
    return dict(label_splits(root, layout, variant, names, patterns=patterns, distractors=distractors).tables)


def label_splits(
    root: str | Path,
    layout: str | None = None,
    variant: str | None = None,
    names: tuple[str, ...] | None = None,
    *,
    patterns: Patterns | None = None,
    distractors: DistractorRule = "auto",
) -> Splits:
    """Like `read_splits`, but also return how identities were interpreted and the remarks to report with a score.

    `patterns` give the place of camera and identity in paths below the folders train, query and gallery. Identity 0
    means distractors if `distractors` is `zero` and a person if `none`. With `auto`, the naming convention of the
    layout decides; if it has none, 0 is a person if queries or training crops have it.

    Raises:
        DataError: there are no crops, a split is missing, or the layout has no identities.
        SettingsError: the layout or variant is unknown, or a pattern is invalid or not supported by the layout.

    Example:
        >>> splits = label_splits(Path("data"), names=("query", "gallery"), patterns=Patterns("{camera}_{*}"))
        >>> splits.tables["query"].identities, splits.notes
    """
    root, patterns = Path(root).expanduser(), patterns or Patterns()
    choice = choose(root, layout, variant)
    if choice is None or choice.dataset.splits is None:
        title = "a bare folder" if choice is None else choice.dataset.title
        raise DataError(
            f"{root}: the identity of each crop is needed, and {title} has none; use folders query and gallery "
            "with a folder for each person, the Market-1501 layout, or a manifest with the columns path, split (query "
            "or gallery) and identity"
        )
    labeled = _splits(root, choice, patterns, names)
    if not labeled:
        raise DataError(
            f"{root}: no split of {choice.dataset.title} found; expected in it: {choice.dataset.expected_files}"
        )
    resolved = resolve_zero(labeled, distractors, choice.dataset.zero_is_distractor)
    notes = (resolved.note,) if resolved.note else ()
    return Splits(evaluation_tables(resolved.splits), resolved.as_person, notes)


def read_unlabeled_splits(
    root: Path,
    layout: str | None = None,
    variant: str | None = None,
    *,
    patterns: Patterns | None = None,
) -> dict[str, ImageTable]:
    """Read all present splits without identities; data without splits is returned as the split `train`.

    Raises:
        DataError: there are no crops, or `root` does not have this layout.
        SettingsError: the layout or variant is unknown, or a pattern is invalid or not supported by the layout.

    Example:
        >>> tables = read_unlabeled_splits(Path("crops"), patterns=Patterns("{camera}/{*}"))
        >>> tables["train"].camera_names
    """
    root, patterns = Path(root).expanduser(), patterns or Patterns()
    choice = choose(root, layout, variant)
    if choice is not None and choice.dataset.layout == Layout.SPLIT_FOLDERS:
        unlabeled = split_folders.parts(root, patterns)
    elif choice is not None and choice.dataset.parts is not None:
        _check_no_patterns(root, choice, patterns)
        unlabeled = choice.dataset.parts(root)
    elif choice is None and patterns.identity:
        raise SettingsError(
            f"identity pattern '{patterns.identity}': {root} is a folder without splits, which cannot be evaluated; "
            "identities are read below folders query and gallery"
        )
    else:
        return {"train": read_training(root, layout, patterns.camera, variant)}
    return {name: image_table(rows) for name, rows in unlabeled.items()}


def _splits(
    root: Path, choice: Choice, patterns: Patterns, names: tuple[str, ...] | None
) -> dict[str, LabeledRows]:
    if choice.dataset.layout == Layout.SPLIT_FOLDERS:
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
