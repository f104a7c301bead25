"""Animal re-ID data sets: `metadata.csv` with the columns `path` and `identity`, or one folder per animal.

In `metadata.csv`, a format common in collections of wildlife data sets, the optional column `split` is `train`, `query`
(or `test`) or `gallery` (or `database`); with only `train` and `test`, the training split is the gallery. The optional
column `camera` is read, others are ignored. Without the file, `train`, `query` and `gallery` contain one folder per
animal; without these folders, every folder is an animal of the training set. This folder form is only read if the
layout is set to `animals`.
"""

from collections.abc import Sequence
from pathlib import Path

from reseen.datasets.dataset import Dataset, Layout
from reseen.datasets.folder import image_paths
from reseen.datasets.namings import folder_of, part_folders
from reseen.datasets.raw_rows import LabeledRows, Rows
from reseen.datasets.split_folders import assign_identities
from reseen.errors import DataError
from reseen.reading import read_lines

SPLITS = ("train", "query", "gallery")
_SAME = {"test": "query", "database": "gallery"}

_Row = dict[str, str]


def matches(root: Path) -> bool:
    """Whether there is a `metadata.csv` with the columns path and identity."""
    return (root / "metadata.csv").is_file() and {"path", "identity"} <= set(_read(root)[0])


def training(root: Path, _variant: str) -> Rows:
    """The crops of the training split, or all crops if there are no splits; identities are not read.

    Raises:
        DataError: there is no image, or the metadata is invalid.
    """
    if not (root / "metadata.csv").is_file():
        return _training_folder(root).rows
    rows = _read(root)
    return _rows(root, _of_split(root, rows, "train") if "split" in rows[0] else rows)


def splits(root: Path, _variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """The splits with identities, which are shared by all splits.

    Raises:
        DataError: as in `training`, or a split is missing, or one of its crops has no identity.
    """
    if (root / "metadata.csv").is_file():
        return _listed(root, names)
    available = part_folders(root)
    if names is None:
        names = [name for name in SPLITS if folder_of(available, name)]
    if not names:
        return _numbered({"train": _training_folder(root)})
    folders = {name: folder_of(available, name) for name in names}
    missing = [name for name, folder in folders.items() if folder is None]
    if missing:
        raise DataError(
            f"{root}: no folder {missing[0]}; for evaluation, query and gallery each contain one folder per animal, or "
            "metadata.csv has the columns split and identity"
        )
    return _numbered({name: _folder(root, folder) for name, folder in folders.items() if folder})


class _Named:
    """Rows and the name of the animal on each."""

    def __init__(self, rows: Rows, animals: list[str]) -> None:
        self.rows, self.animals = rows, animals


def _numbered(by_split: dict[str, "_Named"]) -> dict[str, LabeledRows]:
    identities = assign_identities({name: split.animals for name, split in by_split.items()})
    return {name: LabeledRows(split.rows, identities[name]) for name, split in by_split.items()}


def _training_folder(root: Path) -> "_Named":
    """The training folder, or all folders if none is named like a split."""
    available = part_folders(root)
    folder = folder_of(available, "train")
    if available and folder is None:
        raise DataError(
            f"{root}: contains {', '.join(sorted(available))} but no train folder; give the folder to train on, since "
            "splits are not mixed for training"
        )
    return _folder(root, folder or "")


def _folder(root: Path, split: str) -> "_Named":
    paths = image_paths(root / split)
    prefix = f"{split}/" if split else ""
    for path in paths:
        if path.count("/") != 1:
            problem = "is not in an animal's folder" if "/" not in path else "is more than one folder deep"
            raise DataError(
                f"{root / split}: {path} {problem}; expected one folder per animal. For other paths, leave data.layout "
                "out and give an identity pattern"
            )
    return _Named(Rows(root, [prefix + path for path in paths]), [path.partition("/")[0] for path in paths])


def _listed(root: Path, names: Sequence[str] | None) -> dict[str, LabeledRows]:
    rows = _read(root)
    if "split" not in rows[0]:
        if names is not None:
            raise DataError(
                f"{root / 'metadata.csv'}: evaluation needs a column 'split' with query and gallery"
            )
        return _numbered({"train": _Named(_rows(root, rows), [row["identity"] for row in rows])})
    present = {_SAME.get(row["split"], row["split"]) for row in rows}
    names = (
        [name for name in SPLITS if name in present or (name == "gallery" and "query" in present)]
        if names is None
        else names
    )
    by_split = {}
    for name in names:
        split = "train" if name == "gallery" and "gallery" not in present else name
        selected = _of_split(root, rows, split)
        unlabeled = sum(not row["identity"] for row in selected)
        if unlabeled:
            raise DataError(
                f"{root / 'metadata.csv'}: {unlabeled:,} of {len(selected):,} crops of split '{split}' have no identity"
            )
        by_split[name] = _Named(_rows(root, selected), [row["identity"] for row in selected])
    return _numbered(by_split)


def _of_split(root: Path, rows: list[_Row], split: str) -> list[_Row]:
    selected = [row for row in rows if _SAME.get(row["split"], row["split"]) == split]
    if not selected:
        raise DataError(f"{root / 'metadata.csv'}: no row of split '{split}' among {len(rows):,} rows")
    return selected


def _rows(root: Path, rows: list[_Row]) -> Rows:
    missing = [row["path"] for row in rows if not (root / row["path"]).is_file()]
    if missing:
        raise DataError(
            f"{root}: {len(missing):,} of {len(rows):,} files of metadata.csv do not exist, the first is {missing[0]}"
        )
    cameras = [row["camera"] or None for row in rows] if "camera" in rows[0] else None
    return Rows(root, [Path(row["path"]).as_posix() for row in rows], cameras)


def _read(root: Path) -> list[_Row]:
    """The rows of `metadata.csv`, all values as text."""
    import csv

    file = root / "metadata.csv"
    try:
        rows = [
            {name: value or "" for name, value in row.items() if name}
            for row in csv.DictReader(read_lines(file))
        ]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read as a table ({error})") from None
    if not rows or not {"path", "identity"} <= set(rows[0]):
        columns = ", ".join(rows[0]) if rows else "no row"
        raise DataError(f"{file}: expected the columns path and identity, found {columns}")
    return rows


DATASET = Dataset(
    layout=Layout.ANIMALS,
    title="Animals",
    matches=matches,
    training=training,
    splits=splits,
    cameras_from="metadata.csv",
    access="own",
    size="as many as you have",
    note="If cameras are unknown, no gallery crop is excluded from a ranking.",
    expected_files="metadata.csv with path, identity, split; or train, query, gallery with a folder for each animal",
)
