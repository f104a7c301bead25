"""A reader of one's own: folders `learn` and `test`, with a folder per person in each; files `CAMERA-NUMBER.jpg`.

reseen evaluate RUN --plugin examples/person_folders.py --data DATA
"""

from collections.abc import Sequence
from pathlib import Path

from reseen.datasets import DATASETS, Dataset, LabeledRows, Rows
from reseen.errors import DataError

FOLDERS = {"train": "learn", "query": "test", "gallery": "test"}
"""Folder of each split: the first crop of a person and camera in `test` is a query, the others are the gallery."""


def matches(root: Path) -> bool:
    """Whether both folders are there."""
    return all((root / folder).is_dir() for folder in FOLDERS.values())


def training(root: Path, _variant: str) -> Rows:
    """The crops of `learn` with their cameras; who they show is not looked at."""
    return _rows(root, _files(root, "train"))


def splits(root: Path, _variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """The splits with the name of each crop's folder as its identity."""
    found = {}
    for split in FOLDERS if names is None else names:
        files = _files(root, split)
        found[split] = LabeledRows(_rows(root, files), [int(file.parent.name) for file in files])
    return found


def _files(root: Path, split: str) -> list[Path]:
    files = sorted((root / FOLDERS[split]).glob("*/*.jpg"))
    if split != "train":
        first = {(file.parent, _camera(file)): file for file in reversed(files)}
        queries = set(first.values())
        files = [file for file in files if (file in queries) == (split == "query")]
    if not files:
        raise DataError(
            f"{root}: no crops of the split {split}; expected {FOLDERS[split]}/PERSON/CAMERA-NUMBER.jpg"
        )
    return files


def _rows(root: Path, files: Sequence[Path]) -> Rows:
    paths = [file.relative_to(root).as_posix() for file in files]
    return Rows(root, paths, [_camera(file) for file in files])


def _camera(file: Path) -> str:
    return file.name.partition("-")[0]


DATASETS.register(
    "person-folders",
    Dataset("person-folders", "Folders of persons", matches, training, splits, access="own"),
)
