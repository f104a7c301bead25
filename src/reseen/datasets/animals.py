"""Animals, or any other beings: `metadata.csv` with `path` and `identity`, or folders that are called like them.

`metadata.csv`, as collections of wildlife data sets have it: `split` says `train`, `query` (or `test`) and `gallery`
(or `database`); where only `train` and `test` are said, the gallery is what was learned from. `camera` is read where
it is there, other columns are passed over. Otherwise `train`, `query` and `gallery` hold a folder for each animal;
with neither, every folder is one animal to learn from. Folders are read so when this layout is asked for.
"""

from collections.abc import Sequence
from pathlib import Path

from reseen.datasets.dataset import Dataset, Layout
from reseen.datasets.folder import image_paths
from reseen.datasets.raw_rows import LabeledRows, Rows
from reseen.datasets.split_folders import numbered
from reseen.datasets.split_names import folder_of, part_folders
from reseen.errors import DataError
from reseen.reading import read_lines

SPLITS = ("train", "query", "gallery")
_SAME = {"test": "query", "database": "gallery"}

_Row = dict[str, str]


def matches(root: Path) -> bool:
    """True when `metadata.csv` names animals."""
    return (root / "metadata.csv").is_file() and {"path", "identity"} <= set(_read(root)[0])


def training(root: Path, _variant: str) -> Rows:
    """Crops of the training split, all where nothing is split; who is on them is not read.

    Raises:
        DataError: there is no image, or the metadata is wrong.
    """
    if not (root / "metadata.csv").is_file():
        return _training_folder(root).rows
    rows = _read(root)
    chosen = _of_split(root, rows, "train") if "split" in rows[0] else rows
    return _rows(root, chosen)


def splits(root: Path, _variant: str, names: Sequence[str] | None = None) -> dict[str, LabeledRows]:
    """Splits with the animals on them, numbered alike.

    Raises:
        DataError: as in `training`, or there is no query or gallery, or a crop of one has no identity.
    """
    if (root / "metadata.csv").is_file():
        return _listed(root, names)
    held = part_folders(root)
    if names is None:
        names = [name for name in SPLITS if folder_of(held, name)]
    if not names:
        return _numbered({"train": _training_folder(root)})
    folders = {name: folder_of(held, name) for name in names}
    missing = [name for name, folder in folders.items() if folder is None]
    if missing:
        raise DataError(
            f"{root}: no folder {missing[0]}; to score, query and gallery each hold a folder for every animal, or "
            "metadata.csv says who is where"
        )
    return _numbered({name: _folder(root, folder) for name, folder in folders.items() if folder})


class _Named:
    """Rows and the names of who is on them."""

    def __init__(self, rows: Rows, animals: list[str]) -> None:
        self.rows, self.animals = rows, animals


def _numbered(found: dict[str, "_Named"]) -> dict[str, LabeledRows]:
    people = numbered({name: split.animals for name, split in found.items()})
    return {name: LabeledRows(split.rows, people[name]) for name, split in found.items()}


def _training_folder(root: Path) -> "_Named":
    """The training folder, or all folders where none is called like a part of a data set."""
    held = part_folders(root)
    folder = folder_of(held, "train")
    if held and folder is None:
        raise DataError(
            f"{root}: holds {', '.join(sorted(held))} but no train folder; give the folder that is meant, since parts "
            "of a data set are not one pool to learn from"
        )
    return _folder(root, folder or "")


def _folder(root: Path, split: str) -> "_Named":
    paths = image_paths(root / split)
    prefix = f"{split}/" if split else ""
    for path in paths:
        if path.count("/") != 1:
            where = "lies in no animal's folder" if "/" not in path else "lies several folders deep"
            raise DataError(
                f"{root / split}: {path} {where}; the folder's name is the animal's. Where paths name it otherwise, "
                "leave data.layout out and give an identity pattern"
            )
    return _Named(Rows(root, [prefix + path for path in paths]), [path.partition("/")[0] for path in paths])


def _listed(root: Path, names: Sequence[str] | None) -> dict[str, LabeledRows]:
    rows = _read(root)
    if "split" not in rows[0]:
        if names is not None:
            raise DataError(
                f"{root / 'metadata.csv'}: scoring needs a column 'split' that says query and gallery"
            )
        return _numbered({"train": _Named(_rows(root, rows), [row["identity"] for row in rows])})
    said = {_SAME.get(row["split"], row["split"]) for row in rows}
    names = (
        [name for name in SPLITS if name in said or (name == "gallery" and "query" in said)]
        if names is None
        else names
    )
    found = {}
    for name in names:
        where = "train" if name == "gallery" and "gallery" not in said else name
        chosen = _of_split(root, rows, where)
        nobody = sum(not row["identity"] for row in chosen)
        if nobody:
            raise DataError(
                f"{root / 'metadata.csv'}: {nobody:,} of {len(chosen):,} crops of split '{where}' have no identity"
            )
        found[name] = _Named(_rows(root, chosen), [row["identity"] for row in chosen])
    return _numbered(found)


def _of_split(root: Path, rows: list[_Row], split: str) -> list[_Row]:
    chosen = [row for row in rows if _SAME.get(row["split"], row["split"]) == split]
    if not chosen:
        raise DataError(f"{root / 'metadata.csv'}: no row of split '{split}' among {len(rows):,} rows")
    return chosen


def _rows(root: Path, rows: list[_Row]) -> Rows:
    missing = [row["path"] for row in rows if not (root / row["path"]).is_file()]
    if missing:
        raise DataError(
            f"{root}: {len(missing):,} of {len(rows):,} files of metadata.csv do not exist, the first is {missing[0]}"
        )
    cameras = [row["camera"] or None for row in rows] if "camera" in rows[0] else None
    return Rows(root, [Path(row["path"]).as_posix() for row in rows], cameras)


def _read(root: Path) -> list[_Row]:
    """The rows of `metadata.csv` as text."""
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
        found = ", ".join(rows[0]) if rows else "no row"
        raise DataError(f"{file}: wanted the columns path and identity, found {found}")
    return rows


def _loose(folder: Path) -> bool:
    return any(path.is_file() for path in folder.iterdir() if not path.name.startswith("."))


DATASET = Dataset(
    layout=Layout.ANIMALS,
    title="Animals",
    matches=matches,
    training=training,
    splits=splits,
    cameras_from="metadata.csv",
    access="own",
    size="as many as you have",
    note="Where cameras are not known, nothing is taken out of a ranking.",
    expected_files="metadata.csv with path, identity, split; or train, query, gallery with a folder for each animal",
)
