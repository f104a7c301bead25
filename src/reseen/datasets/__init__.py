"""Readers: one file per layout on disk. Training tables never hold identities; evaluation tables do."""

from pathlib import Path

import numpy as np

from reseen.data.evaluation_table import EvaluationTable
from reseen.data.table import ImageTable
from reseen.datasets import folder
from reseen.datasets.dataset import Layout, parse
from reseen.datasets.raw_rows import JUNK, evaluation_tables, image_table
from reseen.datasets.registry import DATASETS, Choice, choose, describe, detect
from reseen.errors import DataError, SettingsError

__all__ = [
    "DATASETS",
    "Choice",
    "Layout",
    "choose",
    "describe",
    "detect",
    "parse",
    "read_evaluation",
    "read_splits",
    "read_training",
]


def read_training(
    root: Path, layout: str | None = None, pattern: str | None = None, variant: str | None = None
) -> ImageTable:
    """Read crops to train on or to embed, without identities, sorted by path.

    `layout` is looked for when it is None or `auto`; `variant` is the data set's first when it is None; `pattern`
    says where a bare folder names its cameras.

    Raises:
        DataError: there is nothing to read, or it is not of this layout.
        SettingsError: an unknown layout or variant, or a camera pattern that is wrong or has no place here.
    """
    root = root.expanduser()
    choice = choose(root, layout, variant)
    if choice is None:
        return image_table(folder.training(root, pattern))
    if pattern is not None:
        raise SettingsError(
            f"camera pattern '{pattern}': patterns are for bare folders, {root} is read as {choice.dataset.layout}; "
            "leave it out or set data.layout to 'folder'"
        )
    return image_table(choice.dataset.training(root, choice.variant.name))


def read_evaluation(
    root: Path, layout: str | None = None, variant: str | None = None
) -> tuple[EvaluationTable, EvaluationTable]:
    """Read query and gallery with identities; cameras are numbered alike in both.

    Crops of identity -1 are dropped, 0 is kept (a distractor). A camera nobody knows stays -1. By which rules they
    are to be scored, `choose(root, layout, variant).variant.protocol` says.

    Raises:
        DataError: there is nothing to read, or this layout knows no identities.
        SettingsError: an unknown layout or variant.
    """
    splits = read_splits(root, layout, variant, ("query", "gallery"))
    query, gallery = (
        table.select(np.flatnonzero(table.identities != JUNK))
        for table in (splits["query"], splits["gallery"])
    )
    return query, gallery


def read_splits(
    root: Path,
    layout: str | None = None,
    variant: str | None = None,
    names: tuple[str, ...] | None = None,
) -> dict[str, EvaluationTable]:
    """Read splits with identities, junk included: those named, or those present when `names` is None.

    Raises:
        DataError: there is nothing to read, or this layout knows no identities.
        SettingsError: an unknown layout or variant.
    """
    root = root.expanduser()
    choice = choose(root, layout, variant)
    if choice is None or choice.dataset.splits is None:
        title = "a bare folder" if choice is None else choice.dataset.title
        raise DataError(
            f"{root}: evaluation needs to know who is on each crop, and {title} does not say; use the "
            "Market-1501 layout or a manifest with the columns path, split (query or gallery) and identity"
        )
    found = choice.dataset.splits(root, choice.variant.name, names)
    if not found:
        raise DataError(
            f"{root}: no split of {choice.dataset.title} is here; wanted below it: {choice.dataset.order}"
        )
    return evaluation_tables(found)
