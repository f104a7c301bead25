"""The Market-1501 layout: three folders of files `PPPP_cCsS_FFFFFF_NN.jpg`.

Reference: Zheng et al. 2015, "Scalable Person Re-identification: A Benchmark".
"""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from reseen.data.evaluation_table import EvaluationTable
from reseen.data.readers.columns import number
from reseen.data.readers.folder import CAMERA_IN_NAME, image_paths
from reseen.data.table import ImageTable
from reseen.errors import DataError

FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
"""Split to folder."""

JUNK = -1
"""The identity of detections that show nobody in particular; dropped before evaluation."""

DISTRACTOR = 0
"""The identity of gallery crops that match no query; kept."""

_IDENTITY_IN_NAME = re.compile(r"(-?\d+)_")


def is_market(root: Path) -> bool:
    """True when a folder holds a training set or an evaluation set in this layout."""
    return _holds(root, "train") or (_holds(root, "query") and _holds(root, "gallery"))


def read_training(root: Path) -> ImageTable:
    """The crops of `bounding_box_train`, each with its camera; the person number in a name is not read.

    Raises:
        DataError: the folder is missing or empty, or a name shows no camera.
    """
    return _table(root, *_files(root, "train"))


def read_evaluation(root: Path) -> tuple[EvaluationTable, EvaluationTable]:
    """Query and gallery: junk (-1) is dropped, distractors (0) stay, cameras are numbered alike in both.

    Raises:
        DataError: a folder is missing or empty, or a name shows no camera.
    """
    splits = labelled_splits(root, ("query", "gallery"))
    query, gallery = (table.select(np.flatnonzero(table.identities != JUNK)) for table in splits.values())
    return query, gallery


def labelled_splits(root: Path, names: Iterable[str] | None = None) -> dict[str, EvaluationTable]:
    """Splits with the people on them, junk included; those present when `names` is not given.

    Raises:
        DataError: as in `read_evaluation`.
    """
    names = [name for name in FOLDERS if _holds(root, name)] if names is None else names
    files = {name: _files(root, name) for name in names}
    known = {camera for _, cameras in files.values() for camera in cameras}
    tables = {name: _table(root, *found, known) for name, found in files.items()}
    return {name: EvaluationTable(table, _identities(table)) for name, table in tables.items()}


def _files(root: Path, split: str) -> tuple[tuple[str, ...], list[str]]:
    """Paths relative to `root`, and the camera of each."""
    folder = root / FOLDERS[split]
    if not folder.is_dir():
        raise DataError(
            f"{root}: no folder {FOLDERS[split]}, which holds the {split} crops of the Market-1501 layout"
        )
    paths = image_paths(folder)
    matches = [CAMERA_IN_NAME.match(path.rpartition("/")[2]) for path in paths]
    strange = [path for path, match in zip(paths, matches, strict=True) if match is None]
    if strange:
        raise DataError(
            f"{folder}: {len(strange):,} of {len(paths):,} names are not like PPPP_cCsS_FFFFFF_NN.jpg, "
            f"the first is {strange[0]}; move them away or set data.layout to 'folder'"
        )
    return tuple(f"{FOLDERS[split]}/{path}" for path in paths), [f"c{match[1]}" for match in matches if match]


def _table(root: Path, paths: tuple[str, ...], cameras: list[str], known: Iterable[str] = ()) -> ImageTable:
    indices, names = number(cameras, known)
    return ImageTable(root.resolve(), paths, indices, names)


def _identities(table: ImageTable) -> Int64[np.ndarray, " n"]:
    matches = [_IDENTITY_IN_NAME.match(path.rpartition("/")[2]) for path in table.paths]
    return np.array([int(match[1]) for match in matches if match], dtype=np.int64)


def _holds(root: Path, split: str) -> bool:
    return (root / FOLDERS[split]).is_dir()
